import cv2
import numpy as np
import pytest

from packsight.data.transforms import training_transform


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_the_same_seed_gives_the_same_image_whatever_came_before(config, image):
    transform = training_transform(config("train").transforms)
    first = transform(image, 7)
    other = transform(image, 8)
    assert np.array_equal(transform(image, 7), first)
    assert not np.array_equal(first, other)
    assert first.shape == image.shape
    assert first.dtype == np.uint8


def test_none_changes_nothing(config, image):
    transform = training_transform(config("train", "transforms=none").transforms)
    assert all(np.array_equal(transform(image, seed), image) for seed in range(20))


@pytest.mark.parametrize(
    ("perspective", "turned"), [("side", False), ("both", False), ("top", True)]
)
def test_only_the_top_camera_may_see_a_package_upside_down(config, perspective, turned):
    """The sky is bright and the belt dark, in every transformed side image."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = 200
    transform = training_transform(config("train", f"perspective={perspective}").transforms)
    flipped = [
        results[8:24].mean() < results[40:56].mean()
        for results in (transform(image, seed) for seed in range(40))
    ]
    assert any(flipped) == turned


@pytest.mark.parametrize("perspective", ["top", "side"])
def test_changes_are_those_of_albumentations(config, image, perspective):
    import albumentations as A

    cfg = config("train", f"perspective={perspective}").transforms
    theirs = A.Compose(
        [
            A.HorizontalFlip(p=cfg.horizontal_flip),
            A.VerticalFlip(p=cfg.vertical_flip),
            A.Affine(
                rotate=(-cfg.rotate, cfg.rotate),
                translate_percent=(-cfg.shift, cfg.shift),
                scale=(1 - cfg.scale, 1 + cfg.scale),
                border_mode=cv2.BORDER_REFLECT_101,
                p=1.0,
            ),
            A.RandomBrightnessContrast(cfg.brightness, cfg.contrast, p=1.0),
        ]
    )
    ours = training_transform(cfg)
    for seed in range(40):
        theirs.set_random_seed(seed)
        assert np.array_equal(ours(image, seed), theirs(image=image)["image"])
