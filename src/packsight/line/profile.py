"""What stands still in a camera's images: a coarse profile of rows and columns.

A rail, or the edge of a belt, is in every image at the same place, whatever lies on the belt.
Medians over rows and columns keep it, and lose packages. Where it is elsewhere, something moved.
"""

from collections.abc import Sequence

import cv2
import numpy as np

ROWS, COLUMNS = 45, 80
NEARBY = (
    11  # rows or columns whose mean is taken off, so that light from one side counts for little
)
FLAT = 0.1  # grey values of spread below which nothing can be compared


def profile(grey: np.ndarray) -> str:
    """Median grey values of the rows and then of the columns, in hexadecimal, of uint8 [H, W]."""
    small = cv2.resize(grey, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return _text(np.concatenate([np.median(small, axis=1), np.median(small, axis=0)]))


def usual(profiles: Sequence[str]) -> str:
    """The median of some profiles."""
    return _text(np.median([_values(one) for one in profiles], axis=0))


def agreement(one: str, other: str) -> dict[str, float]:
    """The correlation of two profiles' `rows` and `columns`; none where nothing stands out."""
    found = {}
    for name, part in (("rows", slice(ROWS)), ("columns", slice(ROWS, None))):
        details = [_details(_values(text)[part]) for text in (one, other)]
        if all(values.std() >= FLAT for values in details):
            found[name] = float(np.corrcoef(np.stack(details))[0, 1])
    return found


def _text(values: np.ndarray) -> str:
    return values.astype(np.uint8).tobytes().hex()


def _values(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), np.uint8).astype(np.float32)


def _details(values: np.ndarray) -> np.ndarray:
    return values - cv2.blur(values[:, None], (1, NEARBY))[:, 0]
