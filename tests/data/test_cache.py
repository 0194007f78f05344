import gc
import hashlib
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

LEVELS = (10, 80, 160, 240)
FILES = {
    level: cv2.imencode(".png", np.full((60, 100, 3), level, np.uint8))[1].tobytes()
    for level in LEVELS
}
HASH = {level: hashlib.sha256(content).hexdigest() for level, content in FILES.items()}


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    """Four flat grey images: hash of the content to file."""
    files = {}
    for level, content in FILES.items():
        files[HASH[level]] = tmp_path / f"{level}.png"
        files[HASH[level]].write_bytes(content)
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
    for level in LEVELS:
        assert cache[HASH[level]].shape == (30, 40, 3)
        assert (cache[HASH[level]] == level).all()


def test_order_does_not_matter_and_nothing_is_decoded_twice(tmp_path, images):
    first = build(tmp_path / "cache", images)
    number = first.file.stat().st_ino
    for file in images.values():
        file.unlink()
    second = build(tmp_path / "cache", dict(reversed(images.items())))
    assert second.file == first.file
    assert second.file.stat().st_ino == number
    assert (second[HASH[80]] == 80).all()


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
    assert (pickle.loads(sent)[HASH[160]] == 160).all()


def test_an_unreadable_image_is_named_and_leaves_no_file(tmp_path, images):
    images[HASH[80]].write_text("no image")
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
    assert (cache[HASH[80]] == 80).all()
    assert (build(tmp_path / "cache", images)[HASH[80]] == 80).all()


def test_what_a_killed_process_left_is_removed(tmp_path, images):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / ".1.images-0123456789abcdef.npy").write_bytes(b"half")
    cache = build(folder, images)
    assert entries(folder) == {cache.file}


BUILD = """
import hashlib, sys, pathlib, time
from packsight.data import cache
from packsight.imaging.window import frame_window
decode = cache.read_image
def noted(path, content):
    time.sleep(0.05)  # so that the two overlap
    print(path.name + "\\n", end="", flush=True)  # at once: threads would mix two writes
    return decode(path, content)
cache.read_image = noted
files = sorted(pathlib.Path(sys.argv[1]).glob("*.png"))
windows = [frame_window((60, 100))] * len(files)
hashes = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
found = cache.ImageCache(pathlib.Path(sys.argv[1], "cache"), list(hashes.values()), files,
                         windows, (30, 40))
assert (found[hashes["80.png"]] == 80).all()
"""


def test_two_processes_share_the_work(tmp_path, images):
    command = [sys.executable, "-c", BUILD, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for process in both for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(line.endswith(".png") for line in lines) == len(images)
    assert len(entries(tmp_path / "cache")) == 1


def test_an_image_that_was_swapped_since_it_was_prepared_is_named(tmp_path, images):
    images[HASH[80]].write_bytes(FILES[160])
    with pytest.raises(UserError, match=r"80\.png.*not the image that was prepared"):
        build(tmp_path / "cache", images)


DAMAGES = {
    "cut": lambda raw: raw[: len(raw) // 2],
    "empty": lambda raw: b"",
    "its end alone": lambda raw: raw[:-1],
    "its header alone": lambda raw: raw[:128],
    "zeroed": lambda raw: raw[:200] + bytes(4096) + raw[200 + 4096 :],
    "a bit": lambda raw: raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:],
    "all zero": lambda raw: raw[:128] + bytes(len(raw) - 128),
    "other header": lambda raw: raw.replace(b"(4, 30, 40, 3)", b"(4, 40, 30, 3)"),
    "no header": lambda raw: b"no array" * (len(raw) // 8),
    "longer": lambda raw: raw + b"more",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_made_again_and_that_is_told(tmp_path, images, capsys, damage):
    cache = build(tmp_path / "cache", images)
    whole = cache.file.read_bytes()
    cache.in_use.close()
    cache.file.write_bytes(damage(whole))
    again = build(tmp_path / "cache", images)
    assert again.file.read_bytes() == whole
    assert (again[HASH[160]] == 160).all()
    assert "made again" in capsys.readouterr().out
    build(tmp_path / "cache", images)
    assert "made again" not in capsys.readouterr().out
