import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from packsight.data.cache import ImageCache, hold, make_room
from packsight.errors import UserError
from packsight.imaging.window import Window, frame_window


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
    max_bytes: float = float("inf"),
) -> ImageCache:
    windows = [window] * len(images)
    return ImageCache(folder, list(images), list(images.values()), windows, size, max_bytes)


def entries(folder: Path) -> set[Path]:
    return {file for file in folder.iterdir() if file.name != ".lock"}


def test_every_image_is_found_by_its_content(tmp_path, images):
    cache = build(tmp_path / "cache", images)
    for level in (10, 80, 160, 240):
        assert cache[f"hash{level}"].shape == (30, 40, 3)
        assert (cache[f"hash{level}"] == level).all()


def test_order_does_not_matter_and_nothing_is_decoded_twice(tmp_path, images):
    first = build(tmp_path / "cache", images)
    number = first.file.stat().st_ino
    for file in images.values():
        file.unlink()
    second = build(tmp_path / "cache", dict(reversed(images.items())))
    assert second.file == first.file
    assert second.file.stat().st_ino == number
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
    assert entries(tmp_path / "cache") == set()


def used(cache: ImageCache, seconds_ago: int) -> Path:
    """Close a cache, as if it had been used then."""
    file = cache.file
    time = file.stat().st_mtime - seconds_ago
    cache.in_use.close()
    os.utime(file, (time, time))
    return file


def test_what_was_used_least_recently_makes_room(tmp_path, images):
    folder = tmp_path / "cache"
    older = used(build(folder, images, (30, 40)), 200)
    newer = used(build(folder, images, (31, 40)), 100)
    room = older.stat().st_size * 2.5
    latest = build(folder, images, (32, 40), max_bytes=room)
    assert entries(folder) == {newer, latest.file}


def test_features_count_and_make_room_too(tmp_path, images):
    folder = tmp_path / "cache"
    folder.mkdir()
    held, idle = (folder / f"features-{name}.safetensors" for name in ("held", "idle"))
    for file in (held, idle):
        file.write_bytes(bytes(10_000))
        os.utime(file, (1, 1))
    with hold(held):
        os.utime(held, (1, 1))
        latest = build(folder, images, max_bytes=10_000)
    assert entries(folder) == {held, latest.file}
    make_room(folder, max_bytes=latest.file.stat().st_size)
    assert entries(folder) == {latest.file}


def test_what_is_in_use_is_never_removed(tmp_path, images):
    folder = tmp_path / "cache"
    busy = build(folder, images, (30, 40))
    os.utime(busy.file, (1, 1))
    idle = used(build(folder, images, (31, 40)), 100)
    latest = build(folder, images, (32, 40), max_bytes=1)
    assert entries(folder) == {busy.file, latest.file}
    assert not idle.exists()
    del busy
    gc.collect()
    build(folder, images, (32, 40), max_bytes=1)
    assert entries(folder) == {latest.file}


def test_a_deleted_cache_is_built_again_and_an_open_one_stays_readable(tmp_path, images):
    cache = build(tmp_path / "cache", images)
    cache.file.unlink()
    assert (cache["hash80"] == 80).all()
    assert (build(tmp_path / "cache", images)["hash80"] == 80).all()


def test_what_a_killed_process_left_is_removed(tmp_path, images):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / ".1.images-0123456789abcdef.npy").write_bytes(b"half")
    cache = build(folder, images)
    assert entries(folder) == {cache.file}


BUILD = """
import sys, pathlib, time
from packsight.data import cache
from packsight.imaging.window import frame_window
decode = cache.read_image
def noted(path):
    time.sleep(0.05)  # so that the two overlap
    print(path.name + "\\n", end="", flush=True)  # at once: threads would mix two writes
    return decode(path)
cache.read_image = noted
files = sorted(pathlib.Path(sys.argv[1]).glob("*.png"))
windows = [frame_window((60, 100))] * len(files)
found = cache.ImageCache(pathlib.Path(sys.argv[1], "cache"), [f.name for f in files], files,
                         windows, (30, 40))
assert (found["80.png"] == 80).all()
"""


def test_two_processes_share_the_work(tmp_path, images):
    command = [sys.executable, "-c", BUILD, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for process in both for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(line.endswith(".png") for line in lines) == len(images)
    assert len(entries(tmp_path / "cache")) == 1
