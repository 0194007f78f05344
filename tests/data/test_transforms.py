"""Random changes: functions of an image and a seed alone, drawn apart, within their ranges."""

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import albumentations as A
import cv2
import numpy as np
import pytest

from packsight.data.transforms import Augmentation, flips
from packsight.data.transforms_config import augmentation
from packsight.errors import UserError

CHOICES = ["standard", "blur", "motion", "noise", "jpeg", "colour", "tilt"]


@pytest.fixture
def image() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image.flags.writeable = False  # as those of the cache
    return image


@pytest.fixture
def build(config):
    """The Augmentation of a training configuration."""

    def make(*overrides: str) -> Augmentation:
        return augmentation(config("train", *overrides).transforms.pipeline, (48, 64))

    return make


def test_the_same_seed_gives_the_same_image_whatever_came_before(build, image):
    transform = build()
    first, other = transform(image, 7), transform(image, 8)
    assert np.array_equal(transform(image, 7), first)
    assert not np.array_equal(first, other)
    assert first.shape == image.shape
    assert first.dtype == np.uint8


@pytest.mark.parametrize(
    "part",
    [
        A.OneOf([A.GaussNoise(p=1), A.ElasticTransform(p=1), A.MotionBlur(p=1)], p=1),
        A.Sequential([A.RandomOrder([A.RandomGamma(p=1), A.CoarseDropout(p=1)], n=2)], p=1),
        A.SomeOf([A.GaussNoise(p=1), A.SaltAndPepper(p=1), A.RandomFog(p=1), A.Rotate(p=1)], n=2),
    ],
    ids=lambda part: type(part).__name__,
)
def test_compositions_of_every_kind_of_randomness_depend_on_the_seed_alone(image, part):
    """NumPy's, Python's and OpenCV's own, at any depth."""
    transform = Augmentation([part, A.HorizontalFlip()])
    expected = [transform(image, seed) for seed in range(12)]
    assert len({changed.tobytes() for changed in expected}) == 12
    cv2.setRNGSeed(1234)
    np.random.seed(1)
    for seed in reversed(range(12)):
        assert np.array_equal(transform(image, seed), expected[seed])


def changed(transform: Augmentation, image: np.ndarray, seed: int) -> np.ndarray:
    return transform(image, seed)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns in the middle of everything."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_threads_and_processes_give_the_same_images(build, image, hurried):
    """A spawned process starts from nothing but the pickle."""
    transform = build("transforms=[standard,noise]", "perspective=top")
    expected = [transform(image, seed) for seed in range(40)]
    work = partial(changed, transform, image)
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(1, spawn) as process:
        for pool in (threads, process):
            for seed, result in enumerate(pool.map(work, range(40))):
                assert np.array_equal(result, expected[seed])
    again = pickle.loads(pickle.dumps(transform))
    assert np.array_equal(again(image, 3), expected[3])


def test_none_changes_nothing(build, image):
    for override in ("transforms=none", "transforms=[]"):
        transform = build(override)
        assert all(np.array_equal(transform(image, seed), image) for seed in range(20))


def test_what_is_null_or_removed_is_left_out(build, image):
    parts = ["horizontal_flip", "vertical_flip", "affine", "light"]
    assert [*build().parts] == parts
    for override in ("transforms.pipeline.light=null", "~transforms.pipeline.light"):
        assert [*build(override).parts] == parts[:-1]


@pytest.mark.parametrize(
    ("perspective", "turned"), [("side", False), ("both", False), ("top", True)]
)
def test_only_the_top_camera_may_see_a_package_upside_down(build, perspective, turned):
    """The sky is bright and the belt dark, in every transformed side image."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = 200
    transform = build(f"perspective={perspective}")
    flipped = [
        results[8:24].mean() < results[40:56].mean()
        for results in (transform(image, seed) for seed in range(40))
    ]
    assert any(flipped) == turned


def mirrored_and_turned(transform, image: np.ndarray, seeds: int) -> np.ndarray:
    """How many of the seeds' images are mirrored (rows) and turned over (columns): [2, 2]."""
    table = np.zeros((2, 2), int)
    for seed in range(seeds):
        result = transform(image, seed)
        found = [
            (across, over)
            for across in (0, 1)
            for over in (0, 1)
            if np.array_equal(result, image[:: 1 - 2 * over, :: 1 - 2 * across])
        ]
        table[found[0]] += 1
    return table


def test_parts_draw_apart(image):
    """Mirrored in a half, turned over in a half, and both in a quarter of the images."""
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    table = mirrored_and_turned(Augmentation(flips), image, 300)
    assert np.abs(table / 300 - 0.25).max() < 0.08
    # With a seed of one's own for each part, which is all that albumentations offers by itself, an
    # image is mirrored exactly when it is turned over.
    composition = A.Compose(flips)

    def alike(image: np.ndarray, seed: int) -> np.ndarray:
        composition.set_random_seed(seed)
        return composition(image=image)["image"]

    table = mirrored_and_turned(alike, image, 300)
    assert table[0, 1] == table[1, 0] == 0


def test_all_that_is_drawn_is_within_its_range_and_fills_it(build):
    """Turned by at most 5 degrees, zoomed by a tenth, shifted by a twentieth, lit by 15 %."""
    height, width = 288, 384
    angles, zooms, shifts, light = [], [], [], []
    transform = build("perspective=side")
    for seed in range(400):
        _, turned_over, affine, lit = transform.draws(seed, (height, width))
        assert turned_over is None
        matrix = affine["matrix"][:2]
        angles.append(np.degrees(np.arctan2(-matrix[1, 0], matrix[0, 0])))
        zooms.append(np.linalg.norm(matrix[:, :2], axis=0))
        centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
        shifts.append((matrix @ [*centre, 1] - centre) / [width, height])
        light.append([lit["alpha"] - 1, lit["beta"] / 255])
    for values, bound in ((angles, 5), (np.subtract(zooms, 1), 0.1), (shifts, 0.05), (light, 0.15)):
        values = np.array(values).reshape(400, -1)
        assert np.abs(values).max() <= bound * (1 + 1e-9)
        assert (values.min(axis=0) < -0.9 * bound).all()
        assert (values.max(axis=0) > 0.9 * bound).all()
        assert (np.abs(values.mean(axis=0)) < 0.1 * bound).all()
    drawn = np.column_stack([angles, zooms, shifts, light])
    correlation = np.corrcoef(drawn, rowvar=False) - np.eye(drawn.shape[1])
    assert np.abs(correlation).max() < 0.2  # each is drawn on its own


def test_the_limit_of_a_turn_is_the_perspectives(build):
    for overrides in (["perspective=top"], ["perspective=side", "perspective.rotate=3"]):
        assert build(*overrides).parts["affine"].rotate == (-3, 3)


def test_what_is_drawn_is_what_is_done(build, image):
    transform = build("perspective=top")
    for seed in range(30):
        mirrored, turned_over, affine, lit = transform.draws(seed, image.shape[:2])
        expected = image[:: -1 if turned_over else 1, :: -1 if mirrored else 1]
        expected = cv2.warpAffine(
            np.ascontiguousarray(expected), affine["matrix"][:2], (64, 48),
            borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        levels = np.clip(np.arange(256, dtype=np.float32) * lit["alpha"] + lit["beta"], 0, 255)
        assert np.array_equal(transform(image, seed), levels.astype(np.uint8)[expected])


@pytest.mark.parametrize("choice", CHOICES)
def test_no_dent_is_erased(config, choice):
    """The difference that a dent of a few pixels makes stays, and stays within the frame.

    The same seed changes a package with and without it.
    """
    height, width = 144, 192
    rng = np.random.default_rng(1)
    package = np.full((height, width, 3), (110, 140, 170), np.float32)
    package += cv2.GaussianBlur(rng.normal(0, 8, (height, width, 3)), (0, 0), 1)
    rows, columns = np.mgrid[:height, :width]
    shade = np.zeros((height, width))
    spots = [(30, 40), (30, 150), (110, 40), (110, 150), (72, 96)]
    for row, column in spots:
        shade += np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 3.0**2))
    dented = package - 45 * shade[..., None]
    intact, dented = (np.clip(each, 0, 255).astype(np.uint8) for each in (package, dented))
    cfg = config("train", f"transforms={choice}", "perspective=top").transforms
    transform = augmentation(cfg.pipeline, (height, width))
    for seed in range(60):
        change = np.abs(transform(intact, seed).astype(int) - transform(dented, seed)).mean(axis=2)
        seen = cv2.connectedComponents((change > 15).astype(np.uint8))[0] - 1
        assert seen >= len(spots), seed
        assert change.sum() > 0.5 * 45 * shade.sum(), seed


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (A.RandomCrop(16, 16), r"pipeline\.part: RandomCrop makes 16×16×3 uint8 of an image"),
        (A.Transpose(), "Transpose makes 64×48×3"),
        (A.Normalize(), "Normalize makes .* float32"),
        (A.ToFloat(), "ToFloat makes .* float32"),
        (A.pytorch.ToTensorV2(), "ToTensorV2 makes"),
        (A.MaskDropout(), "MaskDropout cannot change an image of 48×64 by itself .*mask"),
        (A.OneOf([A.HorizontalFlip(), A.RandomScale()]), "RandomScale makes"),
        ("blur", "part is 'blur'; give one of albumentations' transforms"),
    ],
)  # fmt: skip
def test_what_does_not_make_an_image_of_an_image_is_refused(part, message):
    with pytest.raises(UserError, match=message):
        Augmentation({"part": part}, (48, 64))


def test_a_size_that_changes_only_for_other_images_is_told_when_it_does(image):
    transform = Augmentation([A.RandomCrop(48, 64, p=1)], (48, 64))
    assert np.array_equal(transform(image, 0), image)
    with pytest.raises(UserError, match="makes 48×64×3 uint8 of an image of 96×64×3"):
        transform(np.vstack([image, image]), 0)


@pytest.mark.parametrize(
    ("overrides", "shown"),
    [
        (["perspective=side"], (True, False)),
        (["perspective=top"], (True, True)),
        (["perspective=top", "perspective.horizontal_flip=0"], (False, True)),
        (["transforms=none"], (False, False)),
        (["transforms=light"], (False, False)),
        (["~transforms.pipeline.horizontal_flip"], (False, False)),
        (["transforms.pipeline.horizontal_flip=null"], (False, False)),
        (["+transforms.pipeline.turned._target_=albumentations.D4"], (True, True)),
        (["transforms=none", "+transforms.pipeline.t._target_=albumentations.Transpose"],
         (False, False)),
    ],
)  # fmt: skip
def test_which_mirror_images_training_shows(config, overrides, shown):
    assert flips(config("train", *overrides).transforms.pipeline) == shown


def test_mirror_images_within_compositions_count_where_they_have_a_chance():
    def one_of(p: float, inner: float) -> dict:
        flip = {"_target_": "albumentations.VerticalFlip", "p": inner}
        parts = [flip, {"_target_": "albumentations.Rotate"}]
        return {"one": {"_target_": "albumentations.OneOf", "transforms": parts, "p": p}}

    assert flips(one_of(0.5, 1)) == (False, True)
    assert flips(one_of(0, 1)) == flips(one_of(0.5, 0)) == (False, False)


def test_albumentations_is_imported_only_by_what_changes_images():
    """It takes half a second, and would ask the network for a newer version."""
    code = """
import os, sys
import packsight.data.datamodule, packsight.evaluation.scoring
from packsight.data.transforms import Augmentation, flips
from packsight.data.transforms_config import augmentation
flips({"x": {"_target_": "albumentations.HorizontalFlip"}})
assert augmentation({})(None, 0) is None
assert "albumentations" not in sys.modules
augmentation({"x": {"_target_": "albumentations.HorizontalFlip"}})
assert "albumentations" in sys.modules
assert os.environ["NO_ALBUMENTATIONS_UPDATE"] == "1"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
