"""A batch goes through what its images go through one by one."""

from collections.abc import Sequence

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from packsight.data.batch_transforms import apply_all, unknown_part
from packsight.data.transforms import Augmentation
from packsight.data.transforms_config import augmentation

FORMS = ["side", "top", "both", "pair"]
EXTREME = ["transforms.pipeline.affine.rotate=[-45,45]",
           "transforms.pipeline.affine.translate_percent=[-0.4,0.4]"]  # fmt: skip
EXACT = int(cv2.__version__.partition(".")[0]) >= 5  # before, it moved in steps of 1/32 pixel
REFLECT = cv2.BORDER_REFLECT_101


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def both(
    transform: Augmentation, image: np.ndarray, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of an image alone, and of a batch of it: two arrays [B, H, W, 3]."""
    batch = torch.from_numpy(image).permute(2, 0, 1).expand(len(seeds), -1, -1, -1)
    changed = apply_all(transform, seeds, batch)
    assert changed.dtype == torch.uint8
    one = np.stack([transform(image, seed) for seed in seeds])
    return one.astype(int), changed.permute(0, 2, 3, 1).numpy().astype(int)


@pytest.mark.parametrize("perspective", FORMS)
@pytest.mark.parametrize("extreme", [[], EXTREME])
def test_a_batch_is_changed_as_its_images_are(config, image, perspective, extreme):
    """Noise is the hardest case: on it, a 1/32 of a pixel is up to 8 grey levels."""
    cfg = config("train", f"perspective={perspective}", *extreme).transforms
    one, other = both(augmentation(cfg.pipeline), image, range(24))
    difference = np.abs(one - other)
    assert difference.mean() < (0.01 if EXACT else 2)
    assert np.quantile(difference, 0.99) <= (0 if EXACT else 8)
    assert difference.max() <= (2 if EXACT else 16)


def test_mirrored_and_lit_images_are_exactly_the_same(image):
    """In whatever order, and where a part has no chance, or one in two."""
    light = A.RandomBrightnessContrast((-0.5, 0.5), 0.5, p=0.5)
    flips = [A.HorizontalFlip(), A.VerticalFlip(), A.VerticalFlip(p=0)]
    more = A.RandomBrightnessContrast(0.2, 0.9, ensure_safe_range=True, p=1)
    for parts in ([*flips, light, more], [more, light, *flips], [light], [A.HorizontalFlip(p=0)]):
        one, other = both(Augmentation(parts), image, range(60))
        assert np.array_equal(one, other)
    assert len({each.tobytes() for each in one}) == 1


def test_order_counts_where_light_clips(image):
    """White stays white when it is moved after it was lit."""
    affine = A.Affine(rotate=(-30, 30), shear=(-5, 5), border_mode=REFLECT, p=0.7)
    light = A.RandomBrightnessContrast((0.5, 0.5), (0.5, 0.5), p=1)
    results = []
    for parts in ([affine, light], [light, affine]):
        one, other = both(Augmentation(parts), image, range(20))
        assert np.abs(one - other).mean() < (0.05 if EXACT else 2)
        results.append(other)
    assert np.abs(results[0] - results[1]).mean() > 5


def test_each_image_has_its_own_seed(image):
    transform = Augmentation([A.Affine(translate_px={"x": (-9, 9)}, border_mode=REFLECT, p=0.8)])
    seeds = [5, 1, 5, 3]
    one, other = both(transform, image, seeds)
    assert np.array_equal(one, other)  # whole pixels
    assert np.array_equal(other[0], other[2])
    assert not np.array_equal(other[0], other[1])


@pytest.mark.parametrize(
    ("overrides", "unknown"),
    [
        ([], None),
        (["transforms=none"], None),
        (["transforms.pipeline.light=null", *EXTREME], None),
        (["transforms=[standard,blur]"], "pipeline.blur (GaussianBlur)"),
        (["transforms.pipeline.affine.border_mode=0"], "pipeline.affine.border_mode=0 (only 4)"),
        (["+transforms.pipeline.affine.interpolation=2"], "affine.interpolation=2 (only 1)"),
        (["+transforms.pipeline.light.brightness_by_max=false"], "by_max=False (only True)"),
        (["+transforms.pipeline.o={_target_:albumentations.OneOf,transforms:[]}"], "o (OneOf)"),
        (["+transforms.pipeline.mine._target_=mine.HorizontalFlip"], "mine (HorizontalFlip)"),
    ],
)
def test_what_a_batch_cannot_go_through_is_named(config, overrides, unknown):
    pipeline = config("train", *overrides).transforms.pipeline
    found = unknown_part(pipeline)
    if unknown is None:
        assert found is None
        assert unknown_part(augmentation(pipeline).parts) is None
    else:
        assert found.endswith(unknown)


def test_what_is_made_already_is_judged_too():
    assert unknown_part({"a": A.Affine(p=1), "b": None}) is not None
    assert unknown_part({"a": A.Affine(p=1, border_mode=REFLECT), "b": None}) is None
    assert unknown_part({"a": A.Rotate(border_mode=REFLECT)}) == "transforms.pipeline.a (Rotate)"
