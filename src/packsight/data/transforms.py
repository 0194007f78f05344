"""Random changes to training images."""

import random
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from omegaconf import DictConfig

Transform = Callable[[np.ndarray, int], np.ndarray]


class Change(NamedTuple):
    """What one image goes through, in this order."""

    mirrored: bool  # left and right
    turned_over: bool  # up and down
    matrix: np.ndarray | None  # [2, 3], the image's pixels to those of the result
    contrast: float  # a factor
    brightness: float  # is added, in grey levels of 0..255


def draw(cfg: DictConfig, seed: int, size: tuple[int, int]) -> Change:
    """The change of an image of `size` (height, width); the same seed gives the same one.

    Each part draws from its own generator of that seed, as albumentations 2.0 does, whose numbers
    these are: it cost more time to import than an epoch takes.
    """
    mirrored = random.Random(seed).random() < cfg.horizontal_flip
    turned_over = random.Random(seed).random() < cfg.vertical_flip
    moves = cfg.rotate or cfg.shift or cfg.scale
    light = random.Random(seed)
    contrast = 1 + light.uniform(-cfg.contrast, cfg.contrast)
    brightness = light.uniform(-cfg.brightness, cfg.brightness) * 255
    matrix = _affine(cfg, random.Random(seed), size) if moves else None
    return Change(mirrored, turned_over, matrix, contrast, brightness)


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
    return lambda image, seed: apply(draw(cfg, seed, image.shape[:2]), image)


def _affine(cfg: DictConfig, rng: random.Random, size: tuple[int, int]) -> np.ndarray:
    """Zoom each axis, turn about the centre, then shift by whole pixels: a matrix [2, 3]."""
    height, width = size
    shift = np.array([int(rng.uniform(-cfg.shift, cfg.shift) * side) for side in (width, height)])
    rng.random(), rng.random()  # for a shear, which is not used
    zoom = [rng.uniform(1 - cfg.scale, 1 + cfg.scale) for _ in "xy"]
    angle = np.deg2rad(rng.uniform(-cfg.rotate, cfg.rotate) % 360)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]]) * zoom
    centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
    return np.column_stack([linear, centre + shift - linear @ centre])
