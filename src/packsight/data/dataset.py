"""Rows of a table as images and labels, and the order in which training sees them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from packsight.data.cache import ImageCache
from packsight.data.pairing import JOIN
from packsight.data.shots import OR
from packsight.data.transforms import Transform
from packsight.domain import LABELS

Index = int | tuple[int, int]  # a row, or (row, seed) to transform it by


class Batch(NamedTuple):
    image: Tensor  # uint8 [B, 3, H, W], or [B, 3, H, 2 W] with the images of both cameras
    label: Tensor  # int64 [B], 1 is damaged


class PackageDataset(Dataset[Batch]):
    """Rows of a table as images, the images of a row side by side, black where one is missing.

    Of several that may stand in one place (`one_of_each`) a seed draws one, else it is the first.
    With `camera_dropout`, that share of a row's images is blackened, so that a network learns to do
    without a camera.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        cache: ImageCache,
        transform: Transform | None = None,
        camera_dropout: float = 0.0,
    ) -> None:
        self.contents = [joined.split(JOIN) for joined in table["sha256"]]
        self.labels = [LABELS.index(label) for label in table["label"]]
        self.cache = cache
        self.transform = transform
        self.camera_dropout = camera_dropout

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Index) -> Batch:
        row, seed = index if isinstance(index, tuple) else (index, None)
        images = [self._image(content, seed) for content in self.shown(row, seed)]
        tensor = torch.from_numpy(np.hstack(images)).permute(2, 0, 1)
        return Batch(tensor, torch.tensor(self.labels[row]))

    def shown(self, row: int, seed: int | None) -> Sequence[str]:
        """The hashes of a row's images, empty for one that is missing or blackened by this seed."""
        contents = [
            several if OR not in several else _one_of(several.split(OR), seed, place)
            for place, several in enumerate(self.contents[row])
        ]
        if seed is not None and all(contents):
            draw = np.random.default_rng(seed)
            if draw.random() < self.camera_dropout * len(contents):
                contents[draw.integers(len(contents))] = ""
        return contents

    def _image(self, content: str, seed: int | None) -> np.ndarray:
        if not content:
            return np.zeros_like(self.cache.images[0])
        image = self.cache[content]
        return image if self.transform is None or seed is None else self.transform(image, seed)


def _one_of(contents: Sequence[str], seed: int | None, place: int) -> str:
    """The first, or what a seed draws; of a pair's cameras each has a draw of its own."""
    if seed is None:
        return contents[0]
    return contents[int(np.random.default_rng([seed, place]).integers(len(contents)))]


class SeededSampler(Sampler[tuple[int, int]]):
    """Yields (row, seed): the order and every change are functions of (seed, epoch) alone.

    So neither the number of workers nor an interruption can alter what an epoch holds. Of several
    processes each gets every `processes`-th row, from `rank` on; where they do not divide the rows
    evenly, the first rows of the order come twice. Lightning calls `set_epoch`.
    """

    def __init__(self, size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.size = size
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.size // self.processes)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rows = rng.permutation(self.size).tolist()
        seeds = rng.integers(2**31, size=self.size).tolist()
        order = list(zip(rows, seeds, strict=True))
        order += order[: len(self) * self.processes - self.size]
        yield from order[self.rank :: self.processes]
