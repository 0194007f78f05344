"""Image files of any kind as 8-bit RGB, decoded in one way wherever packsight reads one."""

import hashlib
import io
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageOps,
    PpmImagePlugin,
    TiffImagePlugin,
)

from packsight.errors import UserError
from packsight.imaging.colour import has_foreign_profile, to_srgb
from packsight.system.streams import quiet_libraries

MIN_SIDE = 32  # pixels; nothing can be seen in less
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "BMP": ".bmp"}
with suppress(ImportError):  # the extra `heic`
    from pillow_heif import register_heif_opener

    register_heif_opener()
# What becomes a PNG; opening it would otherwise load what reads forty other formats.
_READERS = (
    TiffImagePlugin.TiffImageFile,
    PpmImagePlugin.PpmImageFile,
    AvifImagePlugin.AvifImageFile,
)
CONVERTED = [*(reader.format for reader in _READERS), *({"HEIF"} & {*Image.OPEN})]
# What a PNG that is turned holds somewhere, maybe after its pixels.
PNG_TURNS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
# What is wrong with a file is told once, in its error.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", module="PIL")


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

    Of an animation or several pages the first is taken. Raises UnusableImageError, also where the
    file cannot be opened.
    """
    raw = _read(path)
    pixels, kind, rotated = _decode(raw)
    content = raw if kind else to_png(Image.fromarray(pixels))
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(content).hexdigest()
    converted = None if kind else content
    return Decoded(converted, SUFFIXES[kind or "PNG"], width, height, digest, rotated)


def read_rgb(path: Path) -> np.ndarray:
    """An image file as RGB uint8 [H, W, 3]. Raises UnusableImageError where `decode` does."""
    return _decode(_read(path))[0]


def read_image(path: Path, sha256: str | None = None) -> np.ndarray:
    """A prepared file as RGB uint8 [H, W, 3].

    Raises UserError if it is not a readable image, or not the one that has this SHA-256.
    """
    try:
        raw = _read(path)
        if sha256 is not None and hashlib.sha256(raw).hexdigest() != sha256:
            raise UnusableImageError("it is not the image that was prepared")
        return _decode(raw)[0]
    except UnusableImageError as error:
        raise UserError(
            f"{path} cannot be read as an image ({error}); restore it or prepare the data again."
        ) from error


def decode_mask(path: Path, size: tuple[int, int]) -> bytes:
    """A mask as an 8-bit PNG of 0 and 255 (whatever is not 0). Raises UnusableImageError."""
    raw = _read(path)
    try:
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            found = image.size
            if found == size:
                _check_chunks(raw)
                values = np.asarray(image.convert("L"))
    except UnusableImageError:
        raise
    except Exception as error:  # as in `_decode`
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


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode as 8-bit sRGB: first its depth, then its colours, then its transparency.

    16-bit grey is divided by 257; transparent pixels are laid over black.
    """
    profile = image.info.get("icc_profile") or b""
    if image.mode.startswith("I"):  # 16-bit grey
        values = np.asarray(image).astype(np.int64)
        grey = np.clip((values + 128) // 257, 0, 255).astype(np.uint8)
        # Of 16 bits too a grey value can stand for transparency.
        grey[values == image.info.get("transparency", -1)] = 0
        image = Image.fromarray(grey)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = to_srgb(image, profile)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    rgb = image.convert("RGB")
    rgb.info.clear()  # colour profile and EXIF no longer describe these pixels
    return rgb


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableImageError(f"the file cannot be opened ({error.strerror})") from error


def _decode(raw: bytes) -> tuple[np.ndarray, str | None, bool]:
    """Pixels, the format of a file that is 8-bit RGB itself, and whether EXIF turned the image.

    OpenCV decodes such a file, which takes a sixth less than Pillow and its way to an array;
    Pillow reads headers and what has to be converted.
    """
    if not raw:
        raise UnusableImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(raw), formats=[*SUFFIXES, *CONVERTED]) as image:
            _check_size(image)
            _check_whole(raw, image.format)
            bits = raw[24] if image.format == "PNG" else 8
            plain = _is_plain(image, bits)
            # Pillow decodes a PNG to look for its EXIF.
            told = image.format != "PNG" or any(mark in raw for mark in PNG_TURNS)
            rotated = told and image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
            if plain and not rotated:
                return _pixels(raw), image.format, False
            if image.mode == "F" or (image.format == "TIFF" and image.mode == "I"):
                raise UnusableImageError("32 bits a pixel are refused; give 8 or 16")
            with quiet_libraries():
                image.load()
            _mend_transparency(image, bits)
            return np.array(to_rgb(ImageOps.exif_transpose(image))), None, rotated
    except UnusableImageError:
        raise
    except Exception as error:  # what a decoder raises on damaged files is not documented
        raise UnusableImageError(f"not a readable image ({_in_short(error)})") from error


def _pixels(raw: bytes) -> np.ndarray:
    with quiet_libraries():
        # What EXIF says has been looked at already, in one way for every format.
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), flags)
    if pixels is None:
        raise UnusableImageError("not a readable image (its pixels are damaged)")
    return pixels


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or np.inf):
        raise UnusableImageError(f"{image.width}×{image.height} pixels are too many")
    if min(image.size) < MIN_SIDE:
        raise UnusableImageError(
            f"{image.width}×{image.height} pixels are too few (at least {MIN_SIDE} a side)"
        )


def _check_whole(raw: bytes, kind: str | None) -> None:
    """What decoders overlook, some of them and in some versions."""
    if kind == "PNG":
        _check_chunks(raw)
    elif kind == "JPEG" and raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
        raise UnusableImageError("not a readable image (the file is cut)")


def _check_chunks(raw: bytes) -> None:
    """Each part of a PNG, to the last, has its check sum."""
    view, start, kind = memoryview(raw), 8, b""
    while kind != b"IEND":
        end = start + 8 + int.from_bytes(raw[start : start + 4])
        kind = raw[start + 4 : start + 8]
        if end + 4 > len(raw):
            raise UnusableImageError("not a readable image (the file is cut)")
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(raw[end : end + 4]):
            raise UnusableImageError("not a readable image (its check sums are wrong)")
        start = end + 4


def _is_plain(image: Image.Image, bits: int) -> bool:
    """Whether an image is 8-bit RGB. Pillow shows 16-bit RGB so too."""
    return (
        image.format in SUFFIXES
        and image.mode == "RGB"
        and bits == 8
        and not image.has_transparency_data
        and getattr(image, "n_frames", 1) == 1
        and not has_foreign_profile(image)
    )


def _mend_transparency(image: Image.Image, bits: int) -> None:
    """Bring the value that stands for transparency to the 8 bits that Pillow gives its pixels."""
    key = image.info.get("transparency")
    if image.mode == "L" and bits < 8 and isinstance(key, int):
        image.info["transparency"] = key * 255 // (2**bits - 1)
    elif image.mode == "RGB" and bits == 16:
        image.info.pop("transparency", None)  # 8 bits left do not tell which pixels had it


def _in_short(error: Exception) -> str:
    return str(error).split(" <_io")[0] or type(error).__name__
