"""All images of a split on the device that trains, and changed there."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from packsight.data.dataset import Batch, Index, PackageDataset
from packsight.data.transforms import Change, draw, plain
from packsight.errors import UserError

AUTO = "auto"
SHARE = 0.25  # of the device's free memory, which is all that `auto` lets images take


def check_on_device(asked: bool | str | None, num_workers: int, views: int) -> None:
    """Raise UserError for a `data.on_device` that would have no effect."""
    if asked and asked != AUTO and (num_workers or views):
        what = f"data.num_workers={num_workers}" if num_workers else f"finetune.views={views}"
        raise UserError(
            f"data.on_device=true leaves {what} no work; use {what.partition('=')[0]}=0, or "
            "data.on_device=auto."
        )


def pays(images: int, size: tuple[int, int], device: torch.device) -> bool:
    """What `auto` comes to: whether this many images of `size` are to stand on the device."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return 3 * images * size[0] * size[1] <= SHARE * free


class DeviceDataset(Dataset[Batch]):
    """A data set as uint8 [N, cameras, 3, H, W] on a device; it is asked for whole batches.

    Its batches are the data set's own, but for the rounding of `apply_all`.
    """

    def __init__(self, dataset: PackageDataset, device: torch.device) -> None:
        self.dataset = dataset
        self.ranges = plain(dataset.transform)
        self.labels = torch.tensor(dataset.labels).to(device)
        cache = dataset.cache
        height, width, _ = cache.images.shape[1:]
        cameras = len(dataset.contents[0])
        self.images = torch.zeros(
            (len(dataset), cameras, 3, height, width), dtype=torch.uint8, device=device
        )
        for row, contents in enumerate(dataset.contents):
            for camera, content in enumerate(contents):
                if content:
                    image = torch.from_numpy(np.array(cache[content]))
                    self.images[row, camera] = image.permute(2, 0, 1)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence[Index]) -> Batch:
        """The batch of these rows, or of these (row, seed)."""
        pairs = [index if isinstance(index, tuple) else (index, None) for index in indices]
        rows = _sent([row for row, _ in pairs], self.labels)
        images = self.images[rows]
        seeds = [seed for _, seed in pairs if seed is not None]
        if seeds:
            images = self._changed(images, pairs, seeds)
        # [B, cameras, 3, H, W]: the cameras side by side.
        return Batch(images.movedim(1, 3).flatten(3), self.labels[rows])

    def _changed(
        self, images: Tensor, pairs: Sequence[tuple[int, int | None]], seeds: Sequence[int]
    ) -> Tensor:
        _, cameras, _, height, width = images.shape
        changes = [draw(self.ranges, seed, (height, width)) for seed in seeds]
        both = [change for change in changes for _ in range(cameras)]
        changed = apply_all(both, images.flatten(0, 1)).unflatten(0, (-1, cameras))
        # What is missing or blackened is to stay black in a brighter light.
        shown = [[bool(part) for part in self.dataset.shown(row, seed)] for row, seed in pairs]
        return changed * _sent(shown, changed)[..., None, None, None]


def apply_all(changes: Sequence[Change], images: Tensor) -> Tensor:
    """`transforms.apply` for a batch, uint8 [B, 3, H, W], a change for each image, on any device.

    Mirrored and lit as there, exactly. Moved, one pixel in a thousand may differ by a grey level or
    two; from an OpenCV before 5, which interpolates in steps of 1/32 pixel, at edges by more.
    """
    # All numbers in one piece, because each piece sent is a wait.
    numbers = np.array([_numbers(change, images.shape) for change in changes], dtype=np.float32)
    mirrored, turned_over, contrast, brightness, *matrix = _sent(numbers, images)[
        :, :, None, None, None
    ].unbind(1)
    images = torch.where(mirrored > 0, images.flip(3), images)
    images = torch.where(turned_over > 0, images.flip(2), images)
    levels = images.float()
    if any(change.matrix is not None for change in changes):
        theta = torch.stack(matrix, dim=1).view(-1, 2, 3)
        grid = F.affine_grid(theta, list(images.shape), align_corners=True)
        levels = F.grid_sample(levels, grid, "bilinear", "reflection", align_corners=True).round_()
    return levels.mul_(contrast).add_(brightness).clamp_(0, 255).to(torch.uint8)


def _numbers(change: Change, shape: Sequence[int]) -> list[float]:
    """Mirrored, turned over, contrast, brightness, and what `affine_grid` wants of the matrix.

    That is the way back, from a pixel of the result to one of the image, both in coordinates that
    run from -1 to 1 between the centres of the outermost pixels.
    """
    matrix = np.eye(3)
    if change.matrix is not None:
        height, width = shape[-2:]
        to_pixels = np.array(
            [[(width - 1) / 2, 0, (width - 1) / 2], [0, (height - 1) / 2, (height - 1) / 2],
             [0, 0, 1]]
        )  # fmt: skip
        forth = np.vstack([change.matrix, [0, 0, 1]])
        matrix = np.linalg.inv(to_pixels) @ np.linalg.inv(forth) @ to_pixels
    lit = [change.contrast, change.brightness]
    return [change.mirrored, change.turned_over, *lit, *matrix[:2].ravel()]


def _sent(values: Sequence | np.ndarray, like: Tensor) -> Tensor:
    """Values as a tensor where another one is, without waiting for the device."""
    tensor = torch.as_tensor(np.asarray(values))
    if like.is_cuda:
        tensor = tensor.pin_memory()
    return tensor.to(like.device, non_blocking=True)
