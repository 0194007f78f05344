"""From the manifest to batches: which packages, in which order, changed how."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import lightning as L
import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from packsight.data.cache import ImageCache
from packsight.data.crop import crop_windows
from packsight.data.manifest import LABELS, Split
from packsight.data.pair import JOIN, pair_images
from packsight.data.splits import fold_splits
from packsight.data.transforms import Transform, training_transform
from packsight.errors import UserError


class Batch(NamedTuple):
    image: Tensor  # uint8 [B, 3, H, W], or [B, 3, H, 2 W] with the images of both cameras
    label: Tensor  # int64 [B], 1 is damaged


class PackageDataset(Dataset[Batch]):
    """Rows of a table as images, the images of a row side by side, black where one is missing.

    An index is a row, or (row, seed) to transform it by. With `camera_dropout`, that share of a
    row's images is blackened, so that a network learns to do without a camera.
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

    def __getitem__(self, index: int | tuple[int, int]) -> Batch:
        row, seed = index if isinstance(index, tuple) else (index, None)
        contents = self.contents[row]
        if seed is not None and all(contents):
            draw = np.random.default_rng(seed)
            if draw.random() < self.camera_dropout * len(contents):
                contents = list(contents)
                contents[draw.integers(len(contents))] = ""
        images = [self._image(content, seed) for content in contents]
        tensor = torch.from_numpy(np.hstack(images)).permute(2, 0, 1)
        return Batch(tensor, torch.tensor(self.labels[row]))

    def _image(self, content: str, seed: int | None) -> np.ndarray:
        if not content:
            return np.zeros_like(self.cache.images[0])
        image = self.cache[content]
        return image if self.transform is None or seed is None else self.transform(image, seed)


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


class PackageDataModule(L.LightningDataModule):
    """Train, validation and test images of the chosen cameras, `image_size` each.

    Raises UserError if a camera has no image in a split, and for a crop that the data cannot give.
    """

    def __init__(
        self,
        root: Path,
        manifest: pd.DataFrame,
        cfg: DictConfig,
        image_size: tuple[int, int],
        cache_folder: Path,
    ) -> None:
        super().__init__()
        self.cfg = cfg
        self.root = root
        self.image_size = image_size
        if cfg.data.fold is not None:
            manifest = manifest.assign(split=fold_splits(manifest, cfg.data))
        seen = manifest["perspective"].isin(list(cfg.perspective.cameras))
        self.table = manifest[seen].reset_index(drop=True)
        self.table["window"] = crop_windows(self.table, cfg.crop, image_size)
        self.cache = ImageCache(
            cache_folder,
            self.table["sha256"].tolist(),
            [root / path for path in self.table["path"]],
            self.table["window"].tolist(),
            image_size,
            cfg.data.get("cache_gb", float("inf")) * 10**9,  # runs of earlier versions had no bound
        )

    def rows(self, split: Split) -> pd.DataFrame:
        """The manifest's rows of a split, or one row per package where a model gets both images.

        Raises UserError if a camera has none there.
        """
        table = self.table[self.table["split"] == split].reset_index(drop=True)
        for camera in self.cfg.perspective.cameras:
            if not (table["perspective"] == camera).any():
                raise UserError(
                    f"the data has no {camera} image in its {split} split; choose another "
                    "perspective or prepare more packages."
                )
        return pair_images(table) if self.cfg.perspective.paired else table

    def images(self, paths: Iterable[str]) -> Tensor:
        """What a model sees of the rows with these paths: uint8 [N, 3, H, W]."""
        contents = self.table.set_index("path")["sha256"]
        joined = [JOIN.join(contents.get(part, "") for part in path.split(JOIN)) for path in paths]
        rows = pd.DataFrame({"sha256": joined}).assign(label=LABELS[0])
        dataset = PackageDataset(rows, self.cache)
        return torch.stack([dataset[row].image for row in range(len(dataset))])

    def train_dataloader(self) -> DataLoader[Batch]:
        transform = training_transform(self.cfg.transforms)
        dataset = PackageDataset(
            self.rows(Split.TRAIN), self.cache, transform, self.cfg.perspective.camera_dropout
        )
        rank, processes = 0, 1
        if self.trainer is not None:
            rank, processes = self.trainer.global_rank, self.trainer.world_size
        sampler = SeededSampler(len(dataset), self.cfg.seed, rank, processes)
        size = self.cfg.data.batch_size // processes  # a step's images, over all processes
        return DataLoader(
            dataset,
            batch_size=size,
            sampler=sampler,
            num_workers=self.cfg.data.num_workers,
            persistent_workers=self.cfg.data.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            # A last batch of one image gives batch normalisation nothing to average.
            drop_last=len(sampler) > size and len(sampler) % size == 1,
        )

    def eval_dataloader(self, split: Split) -> DataLoader[Batch]:
        """Images of a split in manifest order, unchanged."""
        return DataLoader(
            PackageDataset(self.rows(split), self.cache),
            batch_size=2 * self.cfg.data.batch_size,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        return self.eval_dataloader(Split.VAL)
