"""All images of a split on the device that trains, and changed there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from packsight.data.batch_transforms import apply_all, sent, unknown_part
from packsight.data.dataset import Batch, Index, PackageDataset
from packsight.data.shots import OR
from packsight.data.transforms import Augmentation
from packsight.errors import UserError

AUTO = "auto"
SHARE = 0.25  # of the device's free memory, which is all that `auto` lets images take


def check_on_device(
    asked: bool | str | None, num_workers: int, views: int, pipeline: Mapping[str, Any]
) -> None:
    """Raise UserError for an unknown `data.on_device`, and for one that cannot be followed.

    `views` is `finetune.views`, `pipeline` is `transforms.pipeline`.
    """
    if not isinstance(asked, bool | None) and asked != AUTO:
        raise UserError(f"data.on_device={asked} is unknown; use auto, true or false.")
    if not asked or asked == AUTO:
        return
    for what, value in (("data.num_workers", num_workers), ("finetune.views", views)):
        if value:
            raise UserError(
                f"data.on_device=true leaves {what}={value} no work; use {what}=0, or "
                "data.on_device=auto."
            )
    _check_known(pipeline)


def pays(
    images: int,
    size: tuple[int, int],
    device: torch.device,
    num_workers: int,
    views: int,
    pipeline: Mapping[str, Any],
) -> bool:
    """What `auto` comes to: whether this many images of `size` are to stand on the device."""
    if device.type != "cuda" or num_workers or views or unknown_part(pipeline):
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return 3 * images * size[0] * size[1] <= SHARE * free


class DeviceDataset(Dataset[Batch]):
    """A data set as uint8 [images, 3, H, W] on a device; it is asked for whole batches.

    Its batches are the data set's own, but for the rounding of `apply_all`. Raises UserError where
    its transform is not an Augmentation that a batch can go through.
    """

    def __init__(self, dataset: PackageDataset, device: torch.device) -> None:
        self.dataset = dataset
        augmentation = Augmentation({}) if dataset.transform is None else dataset.transform
        if not isinstance(augmentation, Augmentation):
            raise UserError("on a device images go through an Augmentation; use on_device=false.")
        _check_known(augmentation.parts)
        self.augmentation = augmentation
        self.labels = torch.tensor(dataset.labels).to(device)
        cache = dataset.cache
        height, width, _ = cache.images.shape[1:]
        parts = [part for contents in dataset.contents for part in contents]
        names = dict.fromkeys(name for part in parts for name in part.split(OR) if name)
        # The first is black, for what is missing.
        self.places = {"": 0} | {name: place for place, name in enumerate(names, start=1)}
        self.images = torch.zeros(
            (len(self.places), 3, height, width), dtype=torch.uint8, device=device
        )
        for name in names:
            image = torch.from_numpy(np.array(cache[name]))
            self.images[self.places[name]] = image.permute(2, 0, 1)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence[Index]) -> Batch:
        """The batch of these rows, or of these (row, seed)."""
        pairs = [index if isinstance(index, tuple) else (index, None) for index in indices]
        rows = sent([row for row, _ in pairs], self.labels)
        shown = [[self.places[part] for part in self.dataset.shown(*pair)] for pair in pairs]
        images = self.images[sent(shown, self.labels)]
        seeds = [seed for _, seed in pairs if seed is not None]
        if seeds:
            images = self._changed(images, shown, seeds)
        # [B, cameras, 3, H, W]: the cameras side by side.
        return Batch(images.movedim(1, 3).flatten(3), self.labels[rows])

    def _changed(
        self, images: Tensor, places: Sequence[Sequence[int]], seeds: Sequence[int]
    ) -> Tensor:
        cameras = images.shape[1]
        each = [seed for seed in seeds for _ in range(cameras)]
        changed = apply_all(self.augmentation, each, images.flatten(0, 1))
        # What is missing or blackened is to stay black in a brighter light.
        shown = [[place > 0 for place in part] for part in places]
        changed = changed.unflatten(0, (-1, cameras))
        return changed * sent(shown, changed)[..., None, None, None]


def _check_known(pipeline: Mapping[str, Any]) -> None:
    unknown = unknown_part(pipeline)
    if unknown:
        raise UserError(
            f"data.on_device=true cannot do {unknown}; use data.on_device=false, or leave that out."
        )
