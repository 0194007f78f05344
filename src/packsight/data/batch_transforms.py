"""Transforms of albumentations that a whole batch can go through, on any device."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from packsight.data.transforms import Augmentation

Size = tuple[int, int]  # height and width in pixels
Drawn = Mapping[str, Any] | None  # what was drawn for one transform of one image, None if nothing


class Kind(NamedTuple):
    """How one of albumentations' transforms is done to a batch."""

    numbers: Callable[[Drawn, Size], list[float]]  # what a device has to know of an image
    change: Callable[[Tensor, Tensor], Tensor]  # of uint8 [B, 3, H, W], given [B, numbers]
    needs: Mapping[str, tuple[Any, Any]] = {}  # {argument: (its only value, the one if not given)}


def apply_all(augmentation: Augmentation, seeds: Sequence[int], images: Tensor) -> Tensor:
    """What an Augmentation of known kinds makes of uint8 [B, 3, H, W], by a seed for each image.

    Mirrored and lit as it does, exactly. Moved, one pixel in a thousand may differ by a grey level
    or two; from an OpenCV before 5, which interpolates in steps of 1/32 pixel, at edges by more.
    """
    size = images.shape[2], images.shape[3]
    draws = {seed: augmentation.draws(seed, size) for seed in set(seeds)}
    changes = []
    for position, part in enumerate(augmentation.parts.values()):
        kind = KINDS[type(part).__name__]
        drawn = [draws[seed][position] for seed in seeds]
        if any(drawn):
            changes.append((kind.change, [kind.numbers(one, size) for one in drawn]))
    if not changes:
        return images
    # All numbers in one piece, because each piece sent is a wait.
    together = np.hstack([rows for _, rows in changes]).astype(np.float32)
    numbers = sent(together, images).split([len(rows[0]) for _, rows in changes], dim=1)
    for (change, _), own in zip(changes, numbers, strict=True):
        images = change(images, own)
    return images


def unknown_part(pipeline: Mapping[str, Any]) -> str | None:
    """What of a `transforms.pipeline` a batch cannot go through, for a sentence; None if nothing.

    Its parts are plain values or made already.
    """
    for name, part in pipeline.items():
        if part is None:
            continue
        values, target = part, f"{type(part).__module__}.{type(part).__name__}"
        if isinstance(part, Mapping):
            target = str(part.get("_target_"))
        else:
            values = vars(part)
        kind = KINDS.get(target.rpartition(".")[2])
        if kind is None or not target.startswith("albumentations."):
            return f"transforms.pipeline.{name} ({target.rpartition('.')[2]})"
        for argument, (only, usual) in kind.needs.items():
            given = values.get(argument, usual)
            if given != only:
                return f"transforms.pipeline.{name}.{argument}={given} (only {only})"
    return None


def sent(values: Sequence | np.ndarray, like: Tensor) -> Tensor:
    """Values as a tensor where another one is, without waiting for the device."""
    tensor = torch.as_tensor(np.asarray(values))
    if like.is_cuda:
        tensor = tensor.pin_memory()
    return tensor.to(like.device, non_blocking=True)


def _whether(drawn: Drawn, size: Size) -> list[float]:
    return [bool(drawn)]


def _flipped(images: Tensor, numbers: Tensor, axis: int) -> Tensor:
    return torch.where(numbers[:, :, None, None] > 0, images.flip(axis), images)


def _way_back(drawn: Drawn, size: Size) -> list[float]:
    """What `affine_grid` wants of an image's matrix, which leads from its pixels to the result's.

    That is the way back, from a pixel of the result to one of the image, both in coordinates that
    run from -1 to 1 between the centres of the outermost pixels.
    """
    forth = np.eye(3) if drawn is None else drawn["matrix"]
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
    to_pixels = np.array([[x, 0, x], [0, y, y], [0, 0, 1]])
    back = np.linalg.inv(to_pixels) @ np.linalg.inv(forth) @ to_pixels
    return back[:2].ravel().tolist()


def _moved(images: Tensor, numbers: Tensor) -> Tensor:
    grid = F.affine_grid(numbers.reshape(-1, 2, 3), list(images.shape), align_corners=True)
    moved = F.grid_sample(images.float(), grid, "bilinear", "reflection", align_corners=True)
    return moved.round_().to(torch.uint8)


def _contrast_and_brightness(drawn: Drawn, size: Size) -> list[float]:
    return [drawn["alpha"], drawn["beta"]] if drawn else [1, 0]


def _lit(images: Tensor, numbers: Tensor) -> Tensor:
    contrast, brightness = numbers[:, :, None, None, None].unbind(1)
    return images.float().mul_(contrast).add_(brightness).clamp_(0, 255).to(torch.uint8)


KINDS = {
    "HorizontalFlip": Kind(_whether, partial(_flipped, axis=3)),
    "VerticalFlip": Kind(_whether, partial(_flipped, axis=2)),
    "Affine": Kind(
        _way_back,
        _moved,
        {
            "border_mode": (cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT),
            "interpolation": (cv2.INTER_LINEAR, cv2.INTER_LINEAR),
            "fit_output": (False, False),
        },
    ),
    "RandomBrightnessContrast": Kind(
        _contrast_and_brightness, _lit, {"brightness_by_max": (True, True)}
    ),
}
