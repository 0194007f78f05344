"""Image files of any kind, as 8-bit RGB files."""

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

from packsight.errors import UserError

MIN_SIDE = 32  # pixels; nothing can be seen in less
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "BMP": ".bmp"}
# What a PNG that is turned holds somewhere, maybe after its pixels.
PNG_TURNS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
# What is wrong with a file is told once, in its error.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class UnusableImageError(Exception):
    """The file is no image that can be used; the message says why."""


class Decoded(NamedTuple):
    content: bytes | None  # a PNG file; None if the original is 8-bit RGB already
    suffix: str
    width: int
    height: int
    sha256: str  # of the file to be used
    rotated: bool  # by EXIF, so that boxes and masks of the original no longer fit


def decode(path: Path) -> Decoded:
    """Decode a file completely and convert it where it is not plain 8-bit RGB.

    Transparent pixels are laid over black, 16-bit grey is divided by 257, EXIF rotation is
    applied, and of an animation the first frame is taken. Raises UnusableImageError.
    """
    raw = path.read_bytes()
    if not raw:
        raise UnusableImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(raw), formats=list(SUFFIXES)) as image:
            fault = _fault(image)
            if fault is not None:
                raise UnusableImageError(fault)
            rotated = _is_turned(image)
            plain = _is_plain(image, raw) and not rotated
            image.load()
            converted = image if plain else _to_rgb(ImageOps.exif_transpose(image))
    except UnusableImageError:
        raise
    except Exception as error:  # what a decoder raises on damaged files is not documented
        raise UnusableImageError(f"not a readable image ({_in_short(error)})") from error
    if plain:
        suffix = SUFFIXES[image.format or ""]
        return Decoded(None, suffix, *image.size, hashlib.sha256(raw).hexdigest(), False)
    content = to_png(converted)
    digest = hashlib.sha256(content).hexdigest()
    return Decoded(content, ".png", *converted.size, digest, rotated)


def read_rgb(path: Path) -> np.ndarray:
    """An image file as RGB uint8 [H, W, 3], with the pixels that `decode` would give it.

    Decodes a plain file once, by OpenCV: its header tells that it is plain. Raises
    UnusableImageError as `decode` does.
    """
    raw = path.read_bytes()
    pixels = _pixels(raw) if _plain_by_header(raw) else None
    if pixels is None:  # one to convert, or a damaged one: `decode` says which
        pixels = _pixels(decode(path).content or raw)
    if pixels is None:
        raise UnusableImageError("not a readable image")
    return pixels


def read_image(path: Path) -> np.ndarray:
    """Decode a file to RGB uint8 [H, W, 3]. Raises UserError if it is not a readable image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UserError(f"{path} cannot be read as an image; restore it or prepare the data again.")
    return image


def decode_mask(path: Path, size: tuple[int, int]) -> bytes:
    """A mask as an 8-bit PNG of 0 and 255 (whatever is not 0). Raises UnusableImageError."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            found = image.size
            values = np.asarray(image.convert("L"))
    except Exception as error:  # as in `decode`
        raise UnusableImageError(f"not a readable mask ({_in_short(error)})") from error
    if found != size:
        raise UnusableImageError(
            f"the mask has {found[0]}×{found[1]} pixels, its image {size[0]}×{size[1]}"
        )
    return to_png(Image.fromarray(np.where(values > 0, 255, 0).astype(np.uint8)))


def to_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(raw: bytes) -> np.ndarray | None:
    """RGB uint8 [H, W, 3]; None if OpenCV finds the file damaged."""
    return cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR_RGB)


def _plain_by_header(raw: bytes) -> bool:
    """Whether a file needs no conversion; False where more than its header has to be read."""
    try:
        with Image.open(io.BytesIO(raw), formats=list(SUFFIXES)) as image:
            # Pillow decodes a PNG to look for its EXIF.
            if image.format == "PNG" and any(mark in raw for mark in PNG_TURNS):
                return False
            turned = image.format != "PNG" and _is_turned(image)
            return _fault(image) is None and _is_plain(image, raw) and not turned
    except Exception:  # as in `decode`, which tells what it is
        return False


def _fault(image: Image.Image) -> str | None:
    """Why an image of this size is not used, if it is not."""
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or np.inf):
        return f"{image.width}×{image.height} pixels are too many"
    if min(image.size) < MIN_SIDE:
        return f"{image.width}×{image.height} pixels are too few (at least {MIN_SIDE} a side)"
    return None


def _is_turned(image: Image.Image) -> bool:
    """Whether EXIF says so."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)


def _is_plain(image: Image.Image, raw: bytes) -> bool:
    # Pillow shows a 16-bit RGB PNG as 8-bit RGB; byte 24 of the file tells.
    deep = image.format == "PNG" and raw[24] > 8
    return (
        image.format in SUFFIXES
        and image.mode == "RGB"
        and not deep
        and not image.has_transparency_data
        and getattr(image, "n_frames", 1) == 1
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    elif image.mode.startswith("I"):  # 16-bit grey
        values = np.asarray(image).astype(np.float64) / 257
        image = Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    rgb = image.convert("RGB")
    rgb.info.clear()  # colour profile and EXIF no longer describe these pixels
    return rgb


def _in_short(error: Exception) -> str:
    return str(error).split(" <_io")[0] or type(error).__name__
