"""Many images on one page, each with a caption."""

from collections.abc import Sequence

import cv2
import numpy as np

_BAR = 24  # pixels of a line of the caption below a tile
_GAP = 4
_PAGE = 245  # grey level of the page
_BAR_COLOUR = (55, 60, 68)


def contact_sheet(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int,
    tile_width: int,
    colours: Sequence[tuple[int, int, int]] | None = None,
) -> np.ndarray:
    """Tile RGB uint8 images [H, W, 3] over captions of one or more lines, row by row.

    `colours` are the RGB colours of the caption bars. All tiles share the tallest one's height.
    """
    assert 0 < len(images) == len(captions)
    bars = colours or [_BAR_COLOUR] * len(images)
    scaled = [_to_width(image, tile_width) for image in images]
    height = max(image.shape[0] for image in scaled)
    bar = _BAR * (1 + max(caption.count("\n") for caption in captions))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    cell_height, cell_width = height + bar + _GAP, tile_width + _GAP
    page = np.full((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), _PAGE, np.uint8)
    for index, (image, caption, colour) in enumerate(zip(scaled, captions, bars, strict=True)):
        top = _GAP + index // columns * cell_height
        left = _GAP + index % columns * cell_width
        page[top : top + image.shape[0], left : left + tile_width] = image
        below = page[top + height : top + height + bar, left : left + tile_width]
        below[:] = colour
        told = np.vstack([caption_bar(line, tile_width, colour) for line in caption.split("\n")])
        below[: len(told)] = told
    return page


def _to_width(image: np.ndarray, width: int) -> np.ndarray:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    shrinks = width < image.shape[1]
    return cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def caption_bar(text: str, width: int, colour: tuple[int, int, int] = _BAR_COLOUR) -> np.ndarray:
    """A bar, RGB uint8 [_BAR, width, 3], with `text` in black or white, made to fit."""
    bar = np.full((_BAR, width, 3), colour, np.uint8)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = (0, 0, 0) if luminance > 140 else (255, 255, 255)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    text = text.encode("ascii", "replace").decode()  # OpenCV's fonts know ASCII only
    (text_width, _), _ = cv2.getTextSize(text, font, scale, 1)
    scale *= min(1.0, (width - 12) / max(text_width, 1))
    cv2.putText(bar, text, (6, _BAR - 8), font, scale, ink, 1, cv2.LINE_AA)
    return bar
