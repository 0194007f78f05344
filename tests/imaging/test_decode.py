"""Prepare, training and prediction see the same pixels, and refuse the same files, in one way."""

import io
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from packsight.errors import UserError
from packsight.imaging import decode as module
from packsight.imaging.decode import (
    UnusableImageError,
    decode,
    decode_mask,
    read_image,
    read_rgb,
    to_rgb,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP"}


def encoded(suffix: str, image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    image = image or Image.fromarray(PIXELS)
    image.save(buffer, FORMATS[suffix], **options)
    return buffer.getvalue()


def turned(suffix: str, **options) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(suffix, exif=exif, **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def turned_after_its_pixels() -> bytes:
    """A PNG whose EXIF stands behind the pixels, where a glance at the header misses it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encoded("png")
    return plain[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + plain[-12:]


def turned_for_opencv_alone(suffix: str) -> bytes:
    """An orientation that is no number, but a byte: OpenCV obeys it and Pillow does not."""
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 1, 1, 6, 0, 0)
    return encoded(suffix, exif=b"Exif\0\0" + tiff)


def kinds() -> dict[str, bytes]:
    rgb = Image.fromarray(PIXELS)
    deep = cv2.imencode(".png", PIXELS.astype(np.uint16) * 257)[1].tobytes()
    return {
        **{f"plain.{suffix}": encoded(suffix) for suffix in FORMATS},
        "progressive.jpg": encoded("jpg", progressive=True),
        "grey.png": encoded("png", rgb.convert("L")),
        "palette.png": encoded("png", rgb.convert("P")),
        "transparent.png": encoded("png", rgb.convert("RGBA")),
        "deep.png": deep,
        "turned.png": turned("png"),
        "turned at its end.png": turned_after_its_pixels(),
        "turned.jpg": turned("jpg"),
        "turned.webp": turned("webp"),
        "upright.png": turned_for_opencv_alone("png"),
        "upright.jpg": turned_for_opencv_alone("jpg"),
        "cmyk.jpg": encoded("jpg", rgb.convert("CMYK")),
        "animated.webp": encoded("webp", save_all=True, append_images=[Image.new("RGB", (56, 40))]),
        "text that begins as a turn would.png": encoded("png")[:-12]
        + chunk(b"tEXt", b"Raw profile type nothing\0none")
        + encoded("png")[-12:],
    }


def looked_at(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """What prediction, training (of the prepared file) and its table get of a file."""
    decoded = decode(file)
    kept = file.with_name(f"kept{decoded.suffix}")
    kept.write_bytes(decoded.content or file.read_bytes())
    return read_rgb(file), read_image(kept), read_rgb(kept), (decoded.height, decoded.width)


@pytest.mark.parametrize("name", kinds())
def test_prediction_sees_the_pixels_that_prepare_keeps_and_training_reads(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(kinds()[name])
    found, kept, again, size = looked_at(file)
    assert found.dtype == np.uint8
    assert found.shape == (*size, 3)
    assert np.array_equal(found, kept)
    assert np.array_equal(found, again)
    assert size == ((56, 40) if name.startswith("turned") else (40, 56))
    assert decode(file).rotated is name.startswith("turned")


@pytest.mark.parametrize("name", ["plain.png", "plain.bmp", "deep.png", "palette.png"])
def test_what_loses_nothing_keeps_its_pixels(tmp_path, name):
    (tmp_path / name).write_bytes(kinds()[name])
    expected = PIXELS
    if name == "palette.png":
        expected = np.asarray(Image.fromarray(PIXELS).convert("P").convert("RGB"))
    elif name == "deep.png":  # which OpenCV wrote as BGR
        expected = PIXELS[..., ::-1]
    assert np.array_equal(read_rgb(tmp_path / name), expected)


@pytest.mark.parametrize("name", ["plain.png", "plain.jpg", "plain.webp", "plain.bmp"])
def test_a_plain_file_is_decoded_once_and_kept_as_it_is(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(kinds()[name])
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded by Pillow too"))
    assert read_rgb(tmp_path / name).shape == PIXELS.shape
    assert decode(tmp_path / name).content is None


def test_frames_may_be_drawn_upon(tmp_path):
    for name, content in kinds().items():
        (tmp_path / name).write_bytes(content)
        read_rgb(tmp_path / name)[0, 0] = 0


# Modes: black, grey and white stripes, whatever a file can hold of them.

VALUES = (0, 128, 255)


def stripes(mode: str) -> Image.Image:
    """Stripes of black, mid grey and white, 16 rows each, in a mode of Pillow."""
    grey = Image.fromarray(np.repeat(np.repeat(np.array(VALUES, np.uint8), 16)[:, None], 48, 1))
    if mode.startswith("I;16"):
        deep = np.asarray(grey).astype(np.uint16) * 257
        return Image.fromarray(deep.astype(">u2") if mode == "I;16B" else deep)
    if mode in ("I", "F"):
        return grey.convert(mode)
    if mode == "1":
        return grey.point(lambda value: 255 * (value > 200)).convert("1")
    if mode in ("La", "RGBa"):
        return grey.convert(mode.upper()).convert(mode)
    return grey.convert("RGB").convert(mode) if mode not in ("P", "PA") else grey.convert(mode)


SAVED = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B"),
    "JPEG": ("1", "L", "RGB", "RGBX", "CMYK", "YCbCr"),
    "WEBP": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB",
             "HSV", "I", "F"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}  # fmt: skip
MODES = sorted({mode for modes in SAVED.values() for mode in modes})


def rows(pixels: np.ndarray) -> list[int]:
    """The value of each stripe; grey has the same in all three channels."""
    assert np.ptp(pixels.astype(int), axis=2).max() <= 2
    return [int(np.median(pixels[start + 4 : start + 12])) for start in (0, 16, 32)]


@pytest.mark.parametrize(
    ("kind", "mode"), [(kind, mode) for kind, modes in SAVED.items() for mode in modes]
)
def test_black_grey_and_white_stay_in_every_mode_that_a_format_can_hold(tmp_path, kind, mode):
    file = tmp_path / "stripes"
    image = stripes(mode)
    image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    expected = [0, 0, 255] if mode == "1" else list(VALUES)
    tolerance = 2 if kind == "JPEG" or mode in ("CMYK", "YCbCr", "LAB", "HSV") else 0
    found, kept, *_ = looked_at(file)
    assert np.abs(np.subtract(rows(found), expected)).max() <= tolerance
    assert np.array_equal(found, kept)
    assert (found.min() == 0) or tolerance
    assert (found.max() == 255) or tolerance


def test_the_table_holds_all_that_pillow_can_save(tmp_path):
    """A mode that a later Pillow can save too has to be looked at."""
    for kind, modes in SAVED.items():
        for mode in set(MODES) - set(modes) - {"I;16", "I;16B"}:
            with pytest.raises((OSError, ValueError)):
                stripes(mode).save(tmp_path / "stripes", kind)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_pillow_becomes_8_bit_rgb(mode):
    if mode in ("I", "F"):  # 32 bits of no known range: no file that is read holds them
        return
    expected = [0, 0, 255] if mode == "1" else list(VALUES)
    found = np.asarray(to_rgb(stripes(mode)))
    assert np.abs(np.subtract(rows(found), expected)).max() <= 2 * (mode in ("LAB", "HSV", "YCbCr"))


def grey_png(bits: int, key: int | None) -> bytes:
    """Stripes of 0, half and full in a grey PNG; `key` is the value that is transparent."""
    top = 2**bits - 1
    lines = []
    for value in (0, (top + 1) // 2, top):
        packed = int(format(value, f"0{bits}b") * 48, 2).to_bytes(6 * bits, "big")
        lines += [b"\0" + packed] * 16
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 48, bits, 0, 0, 0, 0))
        + (b"" if key is None else chunk(b"tRNS", struct.pack(">H", key)))
        + chunk(b"IDAT", zlib.compress(b"".join(lines)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("transparent", [None, 0, 1, 2])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_of_any_depth_where_one_value_is_transparent(tmp_path, bits, transparent):
    top = 2**bits - 1
    levels = [0, (top + 1) // 2, top]
    file = tmp_path / "grey.png"
    key = None if transparent is None else levels[transparent]
    file.write_bytes(grey_png(bits, key))
    expected = [0 if level == key else round(level * 255 / top) for level in levels]
    assert rows(read_rgb(file)) == pytest.approx(expected, abs=1)
    assert rows(read_rgb(file))[::2] == expected[::2]


@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_transparent_pixels_lie_over_black(tmp_path, mode, alpha):
    image = stripes(mode)
    image.putalpha(alpha)
    file = tmp_path / "stripes.png"
    image.save(file, "WEBP" if mode == "PA" else "PNG", lossless=True)
    expected = [0, 128 * alpha / 255, alpha]
    assert rows(read_rgb(file)) == pytest.approx(expected, abs=1)


def test_a_palette_with_a_transparent_colour_is_black_there(tmp_path):
    stripes("P").save(tmp_path / "stripes.png", transparency=255)
    assert rows(read_rgb(tmp_path / "stripes.png")) == [0, 128, 0]


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (128, 0), (257 * 128, 128), (65535, 255)])
def test_deep_colour_keeps_its_range(tmp_path, value, expected):
    deep = np.full((40, 40, 3), value, np.uint16)
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    assert set(read_rgb(tmp_path / "deep.png").ravel().tolist()) == {expected}


# Damaged files.


def damaged() -> dict[str, bytes]:
    png, jpg = encoded("png"), encoded("jpg")
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    small_inside = turned("jpg")
    return {
        "empty.png": b"",
        "text.png": b"no image at all",
        "half.png": png[: len(png) // 2],
        "half.jpg": jpg[: len(jpg) // 2],
        "half turned.jpg": small_inside[: len(small_inside) // 2],
        "end.jpg": jpg[:-2],
        "flipped.png": bytes(flipped),
        "small.png": encoded("png", Image.new("RGB", (31, 100))),
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        **{f"{lost} bytes lost.png": png[:-lost] for lost in range(1, 18)},
        **{f"grey, {lost} lost.png": encoded("png", stripes("L"))[:-lost] for lost in (1, 12, 16)},
    }


def decisions(file: Path) -> tuple[str | None, str | None, str | None]:
    """Why each of the three does not take a file, if it does not."""
    found: list[str | None] = []
    for look in (decode, read_rgb, read_image):
        try:
            look(file)
            found.append(None)
        except UnusableImageError as error:
            found.append(str(error))
        except UserError as error:
            found.append(str(error).split("image (", 1)[1].rsplit("); restore", 1)[0])
    return found[0], found[1], found[2]


@pytest.mark.parametrize("name", damaged())
def test_what_prepare_refuses_all_refuse_for_its_reason(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(damaged()[name])
    expected, *others = decisions(file)
    assert expected
    assert others == [expected, expected]


def test_a_file_that_cannot_be_opened_is_refused_alike(tmp_path, monkeypatch):
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    assert "No such file" in (decisions(tmp_path / "vanished.png")[0] or "")
    with pytest.raises(UnusableImageError, match="cannot be opened"):
        decode_mask(tmp_path / "vanished.png", (9, 9))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    reasons = decisions(tmp_path / "closed.png")
    assert set(reasons) == {"the file cannot be opened (Permission denied)"}


def test_a_cut_mask_is_refused():
    with pytest.raises(UnusableImageError, match="cut"):
        module._check_whole(encoded("png")[:-3], "PNG")


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def profile(gamma: float = 1.0, space: bytes = b"RGB ") -> bytes:
    """A profile whose colours are sRGB's and whose values are light to the power of 1/gamma."""

    def fixed(*numbers: float) -> bytes:
        return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)

    def xyz(*numbers: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*numbers)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"linear"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 79
    tags = {b"desc": described + b"\0" * (-len(described) % 4), b"cprt": b"text\0\0\0\0x\0\0\0",
            b"wtpt": xyz(0.9642, 1.0, 0.8249)}  # fmt: skip
    if space == b"GRAY":
        tags |= {b"kTRC": curve}
    else:
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
                 b"rXYZ": xyz(0.4360, 0.2225, 0.0139), b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
                 b"bXYZ": xyz(0.1431, 0.0606, 0.7139)}  # fmt: skip
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for key, content in tags.items():
        table += key + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def healthy() -> dict[str, bytes]:
    """Small files of every kind, with smooth content as photographs have it."""
    noise = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
    photo = Image.fromarray(noise).resize((64, 48)).filter(ImageFilter.GaussianBlur(2))
    return {
        "png": encoded("png", photo),
        "grey.png": encoded("png", photo.convert("L")),
        "alpha.png": encoded("png", photo.convert("RGBA")),
        "jpg": encoded("jpg", photo, quality=90),
        "progressive.jpg": encoded("jpg", photo, quality=90, progressive=True),
        "turned.jpg": turned("jpg", image=photo),
        "webp": encoded("webp", photo),
        "lossless.webp": encoded("webp", photo, lossless=True),
        "bmp": encoded("bmp", photo),
        "palette.bmp": encoded("bmp", photo.convert("P")),
        "tiff": saved(photo, "TIFF"),
        "packed.tiff": saved(photo, "TIFF", compression="tiff_lzw"),
        "ppm": saved(photo, "PPM"),
        "avif": saved(photo, "AVIF"),
        "profile.jpg": encoded("jpg", photo, quality=90, icc_profile=profile()),
    }


def compare(folder: Path, name: str, copies) -> int:
    """How many damaged copies are refused; all of them alike, and those taken with equal pixels."""
    file, refused = folder / "mutated", 0
    for number, content in enumerate(copies):
        file.write_bytes(content)
        started = time.monotonic()
        first, *others = decisions(file)
        assert others == [first, first], f"{name}, {number}"
        if first is None:
            found, kept, again, size = looked_at(file)
            assert found.shape == (*size, 3), f"{name}, {number}"
            assert np.array_equal(found, kept), f"{name}, {number}"
            assert np.array_equal(found, again), f"{name}, {number}"
        refused += first is not None
        assert time.monotonic() - started < 5, f"{name}, {number}"
    return refused


@pytest.mark.parametrize("name", healthy())
def test_damaged_files_are_decided_alike_in_silence(tmp_path, capfd, mutated, name):
    refused = compare(tmp_path, name, mutated(healthy()[name], 36, 0))
    assert refused >= (30 if "png" in name else 1 if "tiff" in name or "ppm" in name else 6)
    assert capfd.readouterr() == ("", "")


@pytest.mark.mutations
@pytest.mark.parametrize("name", healthy())
def test_many_damaged_files_are_decided_alike_in_silence(tmp_path, capfd, mutated, name):
    compare(tmp_path, name, mutated(healthy()[name], 600, 1))
    assert capfd.readouterr() == ("", "")


# Other formats and colours, by known values.

COLOUR = (200, 100, 50)


def plain(mode: str = "RGB", value=COLOUR) -> Image.Image:
    return Image.new(mode, (56, 40), value)


def deep(kind: str) -> bytes:
    grey = Image.fromarray(np.full((40, 56), 257 * 77, np.uint16))
    return saved(grey, kind)


def deep_colour() -> bytes:
    bgr = np.full((40, 56, 3), [257 * value for value in COLOUR[::-1]], np.uint16)
    return cv2.imencode(".tiff", bgr)[1].tobytes()


def pages() -> bytes:
    return saved(plain(), "TIFF", save_all=True, append_images=[plain(value=(1, 2, 3))])


KNOWN = {
    "tiff": (saved(plain(), "TIFF"), COLOUR),
    "packed tiff": (saved(plain(), "TIFF", compression="tiff_lzw"), COLOUR),
    "grey tiff": (saved(plain("L", 77), "TIFF"), (77,) * 3),
    "16-bit tiff": (deep("TIFF"), (77,) * 3),
    "16-bit colour tiff": (deep_colour(), COLOUR),
    "pages": (pages(), COLOUR),
    "ppm": (saved(plain(), "PPM"), COLOUR),
    "pgm": (saved(plain("L", 77), "PPM"), (77,) * 3),
    "16-bit pgm": (b"P5 56 40 65535\n" + np.full(40 * 56, 257 * 77, ">u2").tobytes(), (77,) * 3),
    "12-bit pgm": (b"P5 56 40 4095\n" + np.full(40 * 56, 4095, ">u2").tobytes(), (255,) * 3),
}


@pytest.mark.parametrize("name", KNOWN)
def test_other_formats_become_8_bit_rgb(tmp_path, name):
    content, colour = KNOWN[name]
    (tmp_path / "image").write_bytes(content)
    found = decode(tmp_path / "image")
    assert (found.suffix, found.width, found.height) == (".png", 56, 40)
    with Image.open(io.BytesIO(found.content)) as image:
        assert {*image.get_flattened_data()} == {colour}
    assert np.array_equal(read_rgb(tmp_path / "image"), np.full((40, 56, 3), colour))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_what_a_telephone_writes_is_read_where_pillow_reads_it(tmp_path, kind):
    if kind not in module.CONVERTED:
        pytest.skip(f"no {kind} here")
    (tmp_path / "image").write_bytes(saved(plain(), kind, quality=100))
    difference = read_rgb(tmp_path / "image").astype(int) - COLOUR
    assert np.abs(difference).max() <= 3


def test_a_tiff_is_turned_as_it_says_and_its_boxes_told(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "image").write_bytes(saved(plain(), "TIFF", exif=exif))
    found = decode(tmp_path / "image")
    assert (found.rotated, found.width, found.height) == (True, 40, 56)


def test_pixels_of_32_bits_are_refused(tmp_path):
    for pixels in (np.ones((40, 56), np.float32), np.ones((40, 56), np.int32)):
        (tmp_path / "image").write_bytes(saved(Image.fromarray(pixels), "TIFF"))
        with pytest.raises(UnusableImageError, match="32 bits a pixel are refused"):
            decode(tmp_path / "image")


def as_srgb(value: int) -> float:
    """A value of linear light in sRGB, by its definition."""
    light = value / 255
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_colours_are_as_their_profile_means_them(tmp_path, kind):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    (tmp_path / "image").write_bytes(saved(plain(), kind, icc_profile=profile(), **options))
    found = read_rgb(tmp_path / "image")
    np.testing.assert_allclose(found[0, 0], [as_srgb(value) for value in COLOUR], atol=2)
    # Once: what is prepared says nothing of colours any more.
    (tmp_path / "prepared").write_bytes(decode(tmp_path / "image").content)
    assert np.array_equal(read_image(tmp_path / "prepared"), found)


def test_grey_and_transparent_images_have_profiles_too(tmp_path):
    (tmp_path / "image").write_bytes(
        saved(plain("L", 100), "PNG", icc_profile=profile(space=b"GRAY"))
    )
    np.testing.assert_allclose(read_rgb(tmp_path / "image")[0, 0], [as_srgb(100)] * 3, atol=2)
    half = plain("RGBA", (*COLOUR, 0))
    (tmp_path / "image").write_bytes(saved(half, "PNG", icc_profile=profile()))
    assert not read_rgb(tmp_path / "image").any()


def test_a_profile_of_srgb_or_one_that_is_none_changes_nothing(tmp_path):
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for some in (srgb, b"no profile", profile(space=b"GRAY")):
        (tmp_path / "image").write_bytes(saved(plain(), "PNG", icc_profile=some))
        assert {*map(tuple, read_rgb(tmp_path / "image").reshape(-1, 3))} == {COLOUR}
