"""Random changes to training images."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import cv2
import numpy as np
from omegaconf import DictConfig, OmegaConf

Transform = Callable[[np.ndarray, int], np.ndarray]


class Change(NamedTuple):
    """What one image goes through, in this order."""

    mirrored: bool  # left and right
    turned_over: bool  # up and down
    matrix: np.ndarray | None  # [2, 3], the image's pixels to those of the result
    contrast: float  # a factor
    brightness: float  # is added, in grey levels of 0..255


def plain(cfg: DictConfig) -> SimpleNamespace:
    """A `transforms` config as plain values: to resolve one anew takes longer than a warp."""
    values: Any = cfg if isinstance(cfg, dict) else OmegaConf.to_container(cfg, resolve=True)
    return SimpleNamespace(**values)


def draw(cfg: DictConfig | SimpleNamespace, seed: int, size: tuple[int, int]) -> Change:
    """The change of an image of `size` (height, width); the same seed gives the same one.

    All parts draw from one generator. With one of the same seed for each, as albumentations 2.0
    has them, an image would be mirrored exactly when it is turned over.
    """
    rng = np.random.default_rng(seed)
    mirrored, turned_over = rng.random(2) < (cfg.horizontal_flip, cfg.vertical_flip)
    contrast = 1 + rng.uniform(-cfg.contrast, cfg.contrast)
    brightness = rng.uniform(-cfg.brightness, cfg.brightness) * 255
    moves = cfg.rotate or cfg.shift or cfg.scale
    matrix = _affine(cfg, rng, size) if moves else None
    return Change(bool(mirrored), bool(turned_over), matrix, contrast, brightness)


def apply(change: Change, image: np.ndarray) -> np.ndarray:
    """A changed image, uint8 [H, W, 3]; pixels that come in from outside reflect the belt."""
    if change.mirrored or change.turned_over:
        axis = -1 if change.mirrored and change.turned_over else int(change.mirrored)
        image = cv2.flip(image, axis)
    if change.matrix is not None:
        size = image.shape[1], image.shape[0]
        image = cv2.warpAffine(image, change.matrix, size, borderMode=cv2.BORDER_REFLECT_101)
    if (change.contrast, change.brightness) != (1, 0):
        levels = np.arange(256, dtype=np.float32) * change.contrast + change.brightness
        image = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8))
    return image


def training_transform(cfg: DictConfig) -> Transform:
    """A function of an image, uint8 [H, W, 3], and a seed; the same pair gives the same result."""
    ranges = plain(cfg)
    return lambda image, seed: apply(draw(ranges, seed, image.shape[:2]), image)


def _affine(
    cfg: DictConfig | SimpleNamespace, rng: np.random.Generator, size: tuple[int, int]
) -> np.ndarray:
    """Zoom each axis, turn about the centre, then shift: a matrix [2, 3]."""
    height, width = size
    shift = rng.uniform(-cfg.shift, cfg.shift, 2) * (width, height)
    zoom = rng.uniform(1 - cfg.scale, 1 + cfg.scale, 2)
    angle = np.deg2rad(rng.uniform(-cfg.rotate, cfg.rotate))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]]) * zoom
    centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
    return np.column_stack([linear, centre + shift - linear @ centre])


def flips(pipeline):
    return True, False
