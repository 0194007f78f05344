import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from packsight.data.cache import ImageCache
from packsight.data.crop import Window, frame_window
from packsight.errors import UserError


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    """Four flat grey images: content name to file."""
    files = {}
    for level in (10, 80, 160, 240):
        file = tmp_path / f"{level}.png"
        cv2.imwrite(str(file), np.full((60, 100, 3), level, np.uint8))
        files[f"hash{level}"] = file
    return files


WHOLE = frame_window((60, 100))


def build(
    folder: Path,
    images: dict[str, Path],
    size: tuple[int, int] = (30, 40),
    window: Window = WHOLE,
) -> ImageCache:
    windows = [window] * len(images)
    return ImageCache(folder, list(images), list(images.values()), windows, size)


def test_every_image_is_found_by_its_content(tmp_path, images):
    cache = build(tmp_path / "cache", images)
    for level in (10, 80, 160, 240):
        assert cache[f"hash{level}"].shape == (30, 40, 3)
        assert (cache[f"hash{level}"] == level).all()


def test_order_does_not_matter_and_nothing_is_decoded_twice(tmp_path, images):
    first = build(tmp_path / "cache", images)
    time = first.file.stat().st_mtime_ns
    for file in images.values():
        file.unlink()
    second = build(tmp_path / "cache", dict(reversed(images.items())))
    assert second.file == first.file
    assert second.file.stat().st_mtime_ns == time
    assert (second["hash80"] == 80).all()


def test_other_sizes_windows_and_images_have_their_own_file(tmp_path, images):
    folder = tmp_path / "cache"
    fewer = {key: images[key] for key in list(images)[:2]}
    files = {build(folder, images).file, build(folder, fewer).file}
    files.add(build(folder, images, (20, 20)).file)
    files.add(build(folder, images, window=Window(50, 30, 40, 30)).file)
    assert len(files) == 4


def test_a_worker_process_opens_the_file_instead_of_copying_it(tmp_path, images):
    cache = build(tmp_path / "cache", images)
    sent = pickle.dumps(cache)
    assert len(sent) < 2000
    assert (pickle.loads(sent)["hash160"] == 160).all()


def test_an_unreadable_image_is_named_and_leaves_no_file(tmp_path, images):
    images["hash80"].write_text("no image")
    with pytest.raises(UserError, match=r"80\.png"):
        build(tmp_path / "cache", images)
    assert list((tmp_path / "cache").iterdir()) == []
