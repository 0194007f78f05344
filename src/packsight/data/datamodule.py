"""From the manifest to batches: which packages, and the loaders of their images."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import DataLoader

from packsight.data.cache import ImageCache
from packsight.data.crops import crop_windows
from packsight.data.dataset import Batch, PackageDataset, SeededSampler
from packsight.data.on_device import DeviceDataset
from packsight.data.pairing import JOIN, pair_images
from packsight.data.transforms_config import augmentation
from packsight.domain import LABELS, Split
from packsight.errors import UserError
from packsight.preparation.splits import fold_splits


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
        dataset = PackageDataset(
            self.rows(Split.TRAIN),
            self.cache,
            augmentation(self.cfg.transforms.pipeline, self.image_size),
            self.cfg.perspective.camera_dropout,
        )
        rank, processes = 0, 1
        if self.trainer is not None:
            rank, processes = self.trainer.global_rank, self.trainer.world_size
        sampler = SeededSampler(len(dataset), self.cfg.seed, rank, processes)
        size = self.cfg.data.batch_size // processes  # a step's images, over all processes
        return self._loader(
            dataset,
            batch_size=size,
            sampler=sampler,
            num_workers=self.cfg.data.num_workers,
            persistent_workers=self.cfg.data.num_workers > 0,
            # A last batch of one image gives batch normalisation nothing to average.
            drop_last=len(sampler) > size and len(sampler) % size == 1,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self._unchanged(Split.VAL), batch_size=2 * self.cfg.data.batch_size)

    def eval_dataloader(self, split: Split) -> DataLoader[Batch]:
        """Images of a split in manifest order, unchanged; for one look, so from the cache."""
        return _from_cache(self._unchanged(split), batch_size=2 * self.cfg.data.batch_size)

    def _unchanged(self, split: Split) -> PackageDataset:
        return PackageDataset(self.rows(split), self.cache)

    def _loader(self, dataset: PackageDataset, **options: Any) -> DataLoader[Batch]:
        """What a trainer loops over, epoch after epoch: on its device if `data.on_device`."""
        if self.trainer is None or self.cfg.data.get("on_device") is not True:
            return _from_cache(dataset, **options)
        device = self.trainer.strategy.root_device
        whole = DeviceDataset(dataset, device)
        return DataLoader(whole, collate_fn=_as_it_is, **options)


def _from_cache(dataset: PackageDataset, **options: Any) -> DataLoader[Batch]:
    return DataLoader(dataset, pin_memory=torch.cuda.is_available(), **options)


def _as_it_is(batch: Any) -> Any:
    return batch
