"""Decoded images on disk: decoded once, then shared by every epoch, run and process."""

import hashlib
import os
import weakref
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock
from rich.markup import escape

from packsight.imaging.decode import read_image
from packsight.imaging.window import Window
from packsight.system.console import console, track
from packsight.system.files import making_folder, replacing, reserve

try:
    import fcntl
except ImportError:  # Windows, which refuses to delete an open file by itself
    fcntl = None  # type: ignore[assignment]

FORMAT = 2  # counts up when files are written in another way
SUM_BYTES = 4  # a CRC-32, which an array of 1,000 images of 288×384 takes 0.1 s to compare
PATTERNS = ("images-*.npy", "features-*.safetensors")  # what others keep here counts too


class ImageCache:
    """A memory-mapped uint8 array [N, H, W, 3] of the windows of images, indexed by file hash.

    Its name is a hash of what it holds, so it is never stale and may be deleted at any time. Of
    processes that want the same one, the first builds it while the others wait. What makes the
    folder larger than `max_bytes`, features of probes with it, is removed, what was not used for
    longest first, but for this one and those that a process has open.
    """

    def __init__(
        self,
        folder: Path,
        hashes: Sequence[str],
        paths: Sequence[Path],
        windows: Sequence[Window],
        size: tuple[int, int],
        max_bytes: float = float("inf"),
    ) -> None:
        parts = sorted(zip(hashes, windows, paths, strict=True))
        content = [(content, tuple(window)) for content, window, _ in parts]
        key = hashlib.sha256(f"{FORMAT} {size} {content}".encode()).hexdigest()[:16]
        self.rows = {content: row for row, (content, *_) in enumerate(parts)}
        self.file = folder / f"images-{key}.npy"
        self.max_bytes = max_bytes
        making_folder(folder)
        with changing(folder):
            if self.file.exists() and not _is_whole(self.file, (len(parts), *size, 3)):
                console.print(f"made again, since it was damaged: {escape(str(self.file))}")
                self.file.unlink()
            if not self.file.exists():
                self._build(parts, size)
            self._open()
            make_room(folder, max_bytes)

    def _build(self, parts: list[tuple[str, Window, Path]], size: tuple[int, int]) -> None:
        def look(part: tuple[str, Window, Path]) -> np.ndarray:
            content, window, path = part
            return window.cut(read_image(path, content), size)

        # Building takes all cores, so that caches are built one at a time.
        needed = len(parts) * size[0] * size[1] * 3
        with replacing(self.file, needed) as temporary, ThreadPoolExecutor() as pool:
            images = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=np.uint8, shape=(len(parts), *size, 3)
            )
            reserve(temporary, images.offset + images.nbytes)
            decoded = pool.map(look, parts)
            for row, image in enumerate(track(decoded, "decode images", total=len(parts))):
                images[row] = image
            images.flush()
            with temporary.open("ab") as file:
                file.write(_check_sum(images))

    def _open(self) -> None:
        self.in_use = hold(self.file)
        weakref.finalize(self, self.in_use.close)
        self.images = np.load(self.file, mmap_mode="r")

    def __getstate__(self) -> dict[str, object]:
        # A pickled memory map is a full copy; a worker process opens the file instead.
        return {"file": self.file, "rows": self.rows}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._open()

    def __getitem__(self, content: str) -> np.ndarray:
        """The window of the image whose file has this SHA-256: uint8 [H, W, 3], read-only."""
        return self.images[self.rows[content]]


def _is_whole(file: Path, shape: tuple[int, ...]) -> bool:
    """Whether a cache holds what was written: an array of this shape, and its check sum."""
    try:
        images = np.load(file, mmap_mode="r")
        with file.open("rb") as opened:
            opened.seek(-SUM_BYTES, os.SEEK_END)
            written = opened.read()
        size = images.offset + images.nbytes + SUM_BYTES
        return (
            (images.dtype, images.shape) == (np.uint8, shape)
            and file.stat().st_size == size
            and written == _check_sum(images)
        )
    except (ValueError, TypeError, EOFError, AttributeError, SyntaxError):  # of a header
        return False


def _check_sum(images: np.ndarray) -> bytes:
    return zlib.crc32(images.data).to_bytes(SUM_BYTES)


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """While this process alone writes to a cache folder; what killed ones left half is removed."""
    with FileLock(folder / ".lock"):
        for pattern in PATTERNS:
            for left_over in folder.glob(f".*.{pattern}"):
                left_over.unlink()
        yield


def hold(file: Path) -> BinaryIO:
    """Open a file of a cache, as used now; it is not removed before it is closed."""
    handle = file.open("rb")
    if fcntl:
        fcntl.flock(handle, fcntl.LOCK_SH)
    os.utime(file)
    return handle


def make_room(folder: Path, max_bytes: float) -> None:
    """Remove what was not used for longest, and is not in use, until the folder is small enough."""
    found = (file for pattern in PATTERNS for file in folder.glob(pattern))
    files = sorted(found, key=lambda file: file.stat().st_mtime_ns)
    excess = sum(file.stat().st_size for file in files) - max_bytes
    for file in files:
        size = file.stat().st_size
        if excess <= 0:
            return
        with file.open("rb") as handle:
            in_use = _has_readers(handle)
        if not in_use:
            file.unlink()
            excess -= size


def _has_readers(handle: BinaryIO) -> bool:
    """Whether a process, this one included, holds a shared lock on an open file."""
    if fcntl:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
