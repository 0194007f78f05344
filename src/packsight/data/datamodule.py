"""From prepared data to batches: which packages, and the loaders of their images."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from packsight.data.cache import ImageCache
from packsight.data.crops import crop_windows
from packsight.data.dataset import Batch, PackageDataset, SeededSampler
from packsight.data.membership import members
from packsight.data.on_device import DeviceDataset
from packsight.data.pairing import JOIN, pair_images
from packsight.data.shots import one_of_each
from packsight.data.transforms import Transform
from packsight.domain import LABELS, CropSource, Split
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_file import load_belts
from packsight.imaging.crop import Crop
from packsight.preparation.location import locate_with
from packsight.preparation.prepared import load_data, stored_split_settings
from packsight.preparation.splits import fewer_to_train, fold_splits


class PackageDataModule(L.LightningDataModule):
    """Train, validation and test images of the chosen cameras, `image_size` (height, width) each.

    Args:
        source: prepared data, a folder or a zip.
        paired: an input is both images of a package, side by side.
        fold: the part of a cross-validation that is the test set; None for the fixed split.
        train_share: of the training packages, that part which is learned from; None: all.
        transform: what a training image goes through, a function of the image and a seed.
        camera_dropout: chance of each image of a pair to be blackened in training.
        batch_size: images of a step, over all processes.
        on_device: all images stand on the device that trains, and are changed there.
        seed: of the order of training images, and of their changes.
        cache_folder: where decoded images are kept, at most `cache_gb` of them.
        belts: what locates the packages, as it would in new images; None leaves them where the
            prepared data say they are.

    Raises UserError if a camera has no image in a split, and for a crop that the data cannot give.
    """

    def __init__(
        self,
        source: str | Path,
        cameras: Sequence[str] = ("side",),
        image_size: tuple[int, int] = (288, 384),
        *,
        paired: bool = False,
        crop: Crop | None = None,
        fold: int | None = None,
        train_share: float | None = None,
        transform: Transform | None = None,
        camera_dropout: float = 0.0,
        batch_size: int = 16,
        num_workers: int = 0,
        on_device: bool = False,
        seed: int = 0,
        cache_folder: str | Path = "outputs/cache",
        cache_gb: float = 20.0,
        max_unpacked_gb: float = 20.0,
        belts: Mapping[str, BeltModel] | None = None,
    ) -> None:
        super().__init__()
        cache_folder = Path(cache_folder)
        self.root, manifest = load_data(source, int(max_unpacked_gb * 10**9), cache_folder)
        self.cameras = list(cameras)
        self.image_size = image_size
        self.paired = paired
        self.crop = crop or Crop()
        self.transform = transform
        self.camera_dropout = camera_dropout
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.on_device = on_device
        self.seed = seed
        if fold is not None:
            settings = stored_split_settings(self.root)
            manifest = manifest.assign(split=fold_splits(manifest, fold, settings))
        if train_share is not None:
            seed = stored_split_settings(self.root).split_seed
            split = fewer_to_train(manifest, train_share, seed)
            manifest = manifest.assign(split=split)
        if belts is not None and self.crop.name != CropSource.NONE:
            manifest = locate_with(belts, manifest, self.root, self.cameras, cache_folder)
            self.crop = self.crop.for_new_images()
        seen = manifest["perspective"].isin(self.cameras)
        self.table = manifest[seen].reset_index(drop=True)
        # How each image is cropped, as the predictions will tell: auto, frame, boxes or none.
        located = self.crop.name == CropSource.AUTO
        self.table["located"] = self.table["crop_source"] if located else str(self.crop.name)
        self.table["window"] = crop_windows(self.table, self.crop, image_size)
        self.cache = ImageCache(
            cache_folder,
            self.table["sha256"].tolist(),
            [self.root / path for path in self.table["path"]],
            self.table["window"].tolist(),
            image_size,
            cache_gb * 10**9,
        )

    @property
    def belts(self) -> dict[str, BeltModel]:
        """What each camera's belt looks like, to find the packages of new images."""
        return load_belts(self.root)

    @property
    def members(self) -> pd.DataFrame:
        """The images of all splits, columns serial, perspective, label, sha256 and split."""
        return members(self.table)

    def leave_out(self, serials: Collection[str]) -> None:
        """Do without these packages from now on."""
        kept = ~self.table["serial"].isin(serials)
        self.table = self.table[kept].reset_index(drop=True)

    def rows(self, split: Split) -> pd.DataFrame:
        """The manifest's rows of a split, or a row per pair where a model gets both images.

        Raises UserError if a camera has none there.
        """
        table = self.table[self.table["split"] == split].reset_index(drop=True)
        for camera in self.cameras:
            if not (table["perspective"] == camera).any():
                raise UserError(
                    f"the data has no {camera} image in its {split} split; choose another "
                    "perspective or prepare more packages."
                )
        return pair_images(table) if self.paired else table

    def training_rows(self) -> pd.DataFrame:
        """The rows that an epoch shows: one per package and camera, however many images it has."""
        return one_of_each(self.rows(Split.TRAIN))

    def images(self, paths: Iterable[str]) -> Tensor:
        """What a model sees of the rows with these paths: uint8 [N, 3, H, W]."""
        contents = self.table.set_index("path")["sha256"]
        joined = [JOIN.join(contents.get(part, "") for part in path.split(JOIN)) for path in paths]
        rows = pd.DataFrame({"sha256": joined}).assign(label=LABELS[0])
        dataset = PackageDataset(rows, self.cache)
        return torch.stack([dataset[row].image for row in range(len(dataset))])

    def train_dataloader(self) -> DataLoader[Batch]:
        rows = self.training_rows()
        dataset = PackageDataset(rows, self.cache, self.transform, self.camera_dropout)
        rank, processes = 0, 1
        if self.trainer is not None:
            rank, processes = self.trainer.global_rank, self.trainer.world_size
        sampler = SeededSampler(len(dataset), self.seed, rank, processes)
        size = self.batch_size // processes
        return self._loader(
            dataset,
            batch_size=size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            # A last batch of one image gives batch normalisation nothing to average.
            drop_last=len(sampler) > size and len(sampler) % size == 1,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self._unchanged(Split.VAL), batch_size=2 * self.batch_size)

    def eval_dataloader(self, split: Split) -> DataLoader[Batch]:
        """Images of a split in manifest order, unchanged; for one look, so from the cache."""
        return _from_cache(self._unchanged(split), batch_size=2 * self.batch_size)

    def _unchanged(self, split: Split) -> PackageDataset:
        return PackageDataset(self.rows(split), self.cache)

    def _loader(self, dataset: PackageDataset, **options: Any) -> DataLoader[Batch]:
        """What a trainer loops over, epoch after epoch: on its device if `on_device`."""
        if self.trainer is None or not self.on_device:
            return _from_cache(dataset, **options)
        whole = DeviceDataset(dataset, self.trainer.strategy.root_device)
        return DataLoader(whole, collate_fn=_as_it_is, **options)


def _from_cache(dataset: PackageDataset, **options: Any) -> DataLoader[Batch]:
    return DataLoader(dataset, pin_memory=torch.cuda.is_available(), **options)


def _as_it_is(batch: Any) -> Any:
    return batch
