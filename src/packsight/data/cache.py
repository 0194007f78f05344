"""Decoded images on disk: decoded once, then shared by every epoch, run and process."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from packsight.console import track
from packsight.errors import UserError
from packsight.files import replacing


def read_image(path: Path) -> np.ndarray:
    """Decode a file to RGB uint8 [H, W, 3]. Raises UserError if it is not a readable image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UserError(f"{path} cannot be read as an image; restore it or prepare the data again.")
    return image


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The whole image [H, W, 3] at `size` (height, width); the aspect ratio gives way."""
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=interpolation)


class ImageCache:
    """A memory-mapped uint8 array [N, H, W, 3], indexed by the SHA-256 of an image's file.

    Its name is a hash of what it holds, so it is never stale and may be deleted at any time. Two
    processes that build the same one write the same bytes, and each renames a whole file.
    """

    def __init__(
        self,
        folder: Path,
        hashes: Sequence[str],
        paths: Sequence[Path],
        size: tuple[int, int],
    ) -> None:
        files = dict(sorted(zip(hashes, paths, strict=True)))
        key = hashlib.sha256(f"{size} {' '.join(files)}".encode()).hexdigest()[:16]
        self.rows = {content: row for row, content in enumerate(files)}
        self.file = folder / f"images-{key}.npy"
        if not self.file.exists():
            self._build(list(files.values()), size)
        self.images = np.load(self.file, mmap_mode="r")

    def _build(self, paths: list[Path], size: tuple[int, int]) -> None:
        with replacing(self.file) as temporary, ThreadPoolExecutor() as pool:
            images = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=np.uint8, shape=(len(paths), *size, 3)
            )
            decoded = pool.map(lambda path: resize(read_image(path), size), paths)
            for row, image in enumerate(track(decoded, "decode images", total=len(paths))):
                images[row] = image
            images.flush()

    def __getstate__(self) -> dict[str, object]:
        # A pickled memory map is a full copy; a worker process opens the file instead.
        return {"file": self.file, "rows": self.rows}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.images = np.load(self.file, mmap_mode="r")

    def __getitem__(self, content: str) -> np.ndarray:
        """The image whose file has this SHA-256: uint8 [H, W, 3], read-only."""
        return self.images[self.rows[content]]
