"""Colours as their profile means them, in sRGB."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

# Of a profile's colour space the modes of images that it can speak of.
_MODES = {"RGB": ("RGB", "RGBA"), "GRAY": ("L", "LA"), "CMYK": ("CMYK",)}


def has_foreign_profile(image: Image.Image) -> bool:
    """Whether an image says that its colours are other than sRGB."""
    return _foreign(image.info.get("icc_profile") or b"") is not None


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The same colours in sRGB; a profile of sRGB, a damaged one or one of another mode is nothing.

    Grey and CMYK become RGB; transparency is kept.
    """
    found = _foreign(profile)
    if found is None or image.mode not in _MODES.get(found.profile.xcolor_space.strip(), ()):
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    opaque = image.convert(image.mode.removesuffix("A"))
    try:
        converted = ImageCms.profileToProfile(
            opaque, found, _srgb(), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
        )
    except ImageCms.PyCMSError:
        return image
    assert converted is not None  # as it is not done in place
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


@lru_cache(maxsize=16)  # a source's images come from few cameras
def _foreign(profile: bytes) -> ImageCms.ImageCmsProfile | None:
    """A profile that can be read and is not that of sRGB."""
    if not profile:
        return None
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(found)
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if "srgb" in name.lower() else found


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
