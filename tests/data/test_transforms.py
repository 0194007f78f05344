import numpy as np
import pytest

from packsight.data.transforms import Change, apply, draw, training_transform


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


def test_the_parts_of_a_change_are_drawn_apart(config):
    """Mirrored and turned over: each in a half, both in a quarter of the images."""
    cfg = config("train", "perspective=top").transforms
    changes = [draw(cfg, seed, (48, 64)) for seed in range(400)]
    mirrored = np.array([change.mirrored for change in changes])
    turned_over = np.array([change.turned_over for change in changes])
    light = np.array([change.brightness for change in changes])
    assert abs(mirrored.mean() - 0.5) < 0.1
    assert abs((mirrored & turned_over).mean() - 0.25) < 0.1
    assert abs(np.corrcoef(mirrored, light)[0, 1]) < 0.15


def test_an_image_is_moved_by_what_was_drawn(image):
    still = Change(False, False, None, 1.0, 0.0)
    assert np.array_equal(apply(still, image), image)
    assert np.array_equal(apply(still._replace(mirrored=True), image), image[:, ::-1])
    assert np.array_equal(apply(still._replace(turned_over=True), image), image[::-1])
    both = still._replace(mirrored=True, turned_over=True)
    assert np.array_equal(apply(both, image), image[::-1, ::-1])
    moved = still._replace(matrix=np.array([[1.0, 0, 3], [0, 1, 2]]))
    assert np.array_equal(apply(moved, image)[2:, 3:], image[:-2, :-3])
    light = apply(still._replace(contrast=1.5, brightness=-20.0), image)
    assert np.array_equal(light, np.clip(image * 1.5 - 20, 0, 255).astype(np.uint8))


def test_a_turn_keeps_the_centre_and_stays_within_its_bounds(config):
    cfg = config("train", "perspective=side", "transforms.shift=0").transforms
    for seed in range(50):
        matrix = draw(cfg, seed, (48, 64)).matrix
        assert matrix @ [31.5, 23.5, 1] == pytest.approx([31.5, 23.5])
        zoom = np.linalg.norm(matrix[:, :2], axis=0)
        assert np.abs(zoom - 1).max() <= cfg.scale
        assert abs(np.degrees(np.arctan2(-matrix[1, 0], matrix[0, 0]))) <= cfg.rotate
