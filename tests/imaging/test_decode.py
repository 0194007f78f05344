"""Frames in use have the pixels that `prepare` would keep, and are refused for the same reasons."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from packsight.imaging import decode as module
from packsight.imaging.decode import UnusableImageError, decode, read_rgb

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def encoded(suffix: str, image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    image = image or Image.fromarray(PIXELS)
    image.save(buffer, {"jpg": "JPEG"}.get(suffix, suffix.upper()), **options)
    return buffer.getvalue()


def turned(suffix: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(suffix, exif=exif)


def kinds() -> dict[str, bytes]:
    rgb = Image.fromarray(PIXELS)
    deep = cv2.imencode(".png", PIXELS.astype(np.uint16) * 257)[1].tobytes()
    return {
        **{f"plain.{suffix}": encoded(suffix) for suffix in ("png", "jpg", "webp", "bmp")},
        "grey.png": encoded("png", rgb.convert("L")),
        "palette.png": encoded("png", rgb.convert("P")),
        "transparent.png": encoded("png", rgb.convert("RGBA")),
        "deep.png": deep,
        "turned.png": turned("png"),
        "turned.jpg": turned("jpg"),
        "cmyk.jpg": encoded("jpg", rgb.convert("CMYK")),
        "animated.webp": encoded("webp", save_all=True, append_images=[Image.new("RGB", (56, 40))]),
    }


@pytest.mark.parametrize("name", kinds())
def test_pixels_are_those_that_prepare_keeps(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(kinds()[name])
    kept = decode(file).content or file.read_bytes()
    expected = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR_RGB)
    found = read_rgb(file)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["plain.png", "plain.jpg", "plain.webp", "plain.bmp"])
def test_a_plain_file_is_decoded_once(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(kinds()[name])
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded by Pillow too"))
    monkeypatch.setattr(module, "decode", lambda _: pytest.fail("decoded twice"))
    assert read_rgb(tmp_path / name).shape == PIXELS.shape


def damaged() -> dict[str, bytes]:
    png, jpg = encoded("png"), encoded("jpg")
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    return {
        "empty.png": b"",
        "text.png": b"no image at all",
        "half.png": png[: len(png) // 2],
        "half.jpg": jpg[: len(jpg) // 2],
        "flipped.png": bytes(flipped),
        "small.png": encoded("png", Image.new("RGB", (31, 100))),
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }


@pytest.mark.parametrize("name", damaged())
def test_what_prepare_refuses_is_refused_for_its_reason(tmp_path: Path, name):
    file = tmp_path / name
    file.write_bytes(damaged()[name])
    with pytest.raises(UnusableImageError) as expected:
        decode(file)
    with pytest.raises(UnusableImageError) as found:
        read_rgb(file)
    assert str(found.value) == str(expected.value)
    assert str(found.value)
