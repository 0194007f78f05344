"""Decoded images on disk: decoded once, then shared by every epoch, run and process."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from packsight.console import track
from packsight.data.crop import Window
from packsight.errors import UserError
from packsight.files import replacing


def read_image(path: Path) -> np.ndarray:
    """Decode a file to RGB uint8 [H, W, 3]. Raises UserError if it is not a readable image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UserError(f"{path} cannot be read as an image; restore it or prepare the data again.")
    return image


class ImageCache:
    """A memory-mapped uint8 array [N, H, W, 3] of the windows of images, indexed by file hash.

    Its name is a hash of what it holds, so it is never stale and may be deleted at any time. Two
    processes that build the same one write the same bytes, and each renames a whole file.
    """

    def __init__(
        self,
        folder: Path,
        hashes: Sequence[str],
        paths: Sequence[Path],
        windows: Sequence[Window],
        size: tuple[int, int],
    ) -> None:
        parts = sorted(zip(hashes, windows, paths, strict=True))
        content = [(content, tuple(window)) for content, window, _ in parts]
        key = hashlib.sha256(f"{size} {content}".encode()).hexdigest()[:16]
        self.rows = {content: row for row, (content, *_) in enumerate(parts)}
        self.file = folder / f"images-{key}.npy"
        if not self.file.exists():
            self._build([(path, window) for _, window, path in parts], size)
        self.images = np.load(self.file, mmap_mode="r")

    def _build(self, parts: list[tuple[Path, Window]], size: tuple[int, int]) -> None:
        with replacing(self.file) as temporary, ThreadPoolExecutor() as pool:
            images = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=np.uint8, shape=(len(parts), *size, 3)
            )
            decoded = pool.map(lambda part: part[1].cut(read_image(part[0]), size), parts)
            for row, image in enumerate(track(decoded, "decode images", total=len(parts))):
                images[row] = image
            images.flush()

    def __getstate__(self) -> dict[str, object]:
        # A pickled memory map is a full copy; a worker process opens the file instead.
        return {"file": self.file, "rows": self.rows}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.images = np.load(self.file, mmap_mode="r")

    def __getitem__(self, content: str) -> np.ndarray:
        """The window of the image whose file has this SHA-256: uint8 [H, W, 3], read-only."""
        return self.images[self.rows[content]]
