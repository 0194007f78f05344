import cv2
import numpy as np
import pytest
from PIL import Image

from packsight.arrival.completeness import ends

FRAME = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_the_end_is_seen_at_the_last_byte_and_never_before(tmp_path, suffix):
    content = cv2.imencode(suffix, FRAME)[1].tobytes()
    file = tmp_path / f"image{suffix}"
    for length in range(len(content)):
        if length % 97 == 0 or length > len(content) - 16:
            file.write_bytes(content[:length])
            assert not ends(file), length
    file.write_bytes(content)
    assert ends(file)


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_image(tmp_path):
    thumbnail = cv2.imencode(".jpg", FRAME[:8, :8])[1].tobytes()
    file = tmp_path / "image.jpg"
    # As cameras do: a whole JPEG within a segment of the header.
    Image.fromarray(FRAME).save(file, exif=b"Exif\0\0" + thumbnail)
    content = file.read_bytes()
    end = content.index(thumbnail) + len(thumbnail)
    file.write_bytes(content[:end])
    assert not ends(file)
    file.write_bytes(content)
    assert ends(file)


def test_a_progressive_jpeg_ends_after_its_last_scan(tmp_path):
    file = tmp_path / "image.jpg"
    Image.fromarray(FRAME).save(file, progressive=True)
    content = file.read_bytes()
    assert ends(file)
    file.write_bytes(content[:-1])
    assert not ends(file)


def test_formats_that_do_not_tell_show_no_end(tmp_path):
    file = tmp_path / "image.tif"
    Image.fromarray(FRAME).save(file)
    assert not ends(file)
    file.write_bytes(b"")
    assert not ends(file)
