"""Random changes to training images. The only module that knows albumentations."""

from collections.abc import Callable

import albumentations as A
import cv2
import numpy as np
from omegaconf import DictConfig

Transform = Callable[[np.ndarray, int], np.ndarray]


def training_transform(cfg: DictConfig) -> Transform:
    """A function of an image, uint8 [H, W, 3], and a seed; the same pair gives the same result.

    Pixels that a shift or a turn brings in from outside are a reflection of the belt.
    """
    changes = [
        A.HorizontalFlip(p=cfg.horizontal_flip),
        A.VerticalFlip(p=cfg.vertical_flip),
        A.Affine(
            rotate=(-cfg.rotate, cfg.rotate),
            translate_percent=(-cfg.shift, cfg.shift),
            scale=(1 - cfg.scale, 1 + cfg.scale),
            border_mode=cv2.BORDER_REFLECT_101,
            p=float(bool(cfg.rotate or cfg.shift or cfg.scale)),
        ),
        A.RandomBrightnessContrast(
            brightness_limit=cfg.brightness,
            contrast_limit=cfg.contrast,
            p=float(bool(cfg.brightness or cfg.contrast)),
        ),
    ]
    compose = A.Compose(changes)

    def transform(image: np.ndarray, seed: int) -> np.ndarray:
        compose.set_random_seed(seed)
        return compose(image=image)["image"]

    return transform
