import errno
from pathlib import Path

import numpy as np
import pytest

from packsight.errors import UserError
from packsight.imaging.decode import read_rgb
from packsight.imaging.encode import write_image
from packsight.system.files import replacing

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def test_a_png_comes_back(tmp_path):
    write_image(tmp_path / "a.png", PIXELS)
    assert np.array_equal(read_rgb(tmp_path / "a.png"), PIXELS)


def test_the_suffix_is_the_format_and_colours_keep_their_order(tmp_path):
    write_image(tmp_path / "a.jpg", np.full((40, 40, 3), (200, 100, 50), np.uint8))
    assert (tmp_path / "a.jpg").read_bytes().startswith(b"\xff\xd8")
    assert np.allclose(read_rgb(tmp_path / "a.jpg")[9, 9], (200, 100, 50), atol=3)


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    def full(file: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="the disk is full"), replacing(tmp_path / "a.png") as file:
        write_image(file, PIXELS)
    assert not list(tmp_path.iterdir())
