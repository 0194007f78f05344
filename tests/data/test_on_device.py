"""Images on the device: the changes that OpenCV makes, and the batches of the cache."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.data.dataset import PackageDataset
from packsight.data.on_device import SHARE, DeviceDataset, apply_all, check_on_device, pays
from packsight.data.transforms import Change, apply, draw, training_transform
from packsight.errors import UserError

STILL = Change(False, False, None, 1.0, 0.0)
FORMS = ["side", "top", "both", "pair"]
SEEDS = range(24)
EXACT = int(cv2.__version__.partition(".")[0]) >= 5  # before, it moved in steps of 1/32 pixel


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def both(changes: list[Change], image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What OpenCV makes of an image, and what the batch does: two arrays [B, H, W, 3]."""
    batch = torch.from_numpy(image).permute(2, 0, 1).expand(len(changes), -1, -1, -1)
    changed = apply_all(changes, batch)
    assert changed.dtype == torch.uint8
    one = np.stack([apply(change, image) for change in changes])
    return one.astype(int), changed.permute(0, 2, 3, 1).numpy().astype(int)


@pytest.mark.parametrize("perspective", FORMS)
@pytest.mark.parametrize("extreme", [[], ["transforms.rotate=45", "transforms.shift=0.4"]])
def test_a_batch_is_changed_as_its_images_are(config, image, perspective, extreme):
    """Noise is the hardest case: on it, a 1/32 of a pixel is up to 8 grey levels."""
    cfg = config("train", f"perspective={perspective}", *extreme).transforms
    one, other = both([draw(cfg, seed, image.shape[:2]) for seed in SEEDS], image)
    difference = np.abs(one - other)
    assert difference.mean() < (0.01 if EXACT else 2)
    assert np.quantile(difference, 0.99) <= (0 if EXACT else 8)
    assert difference.max() <= (2 if EXACT else 16)


def test_mirrored_and_lit_images_are_exactly_the_same(config, image):
    cfg = config("train", "perspective=top", "transforms.rotate=0", "transforms.shift=0",
                 "transforms.scale=0").transforms  # fmt: skip
    changes = [draw(cfg, seed, image.shape[:2]) for seed in range(100)]
    assert {(change.mirrored, change.turned_over) for change in changes} == {
        (False, False), (False, True), (True, False), (True, True),
    }  # fmt: skip
    assert np.array_equal(*both(changes, image))


def test_each_image_has_its_own_change(image):
    moved = STILL._replace(matrix=np.array([[1.0, 0, 3], [0, 1, 2]]))
    changes = [STILL, STILL._replace(mirrored=True), moved, STILL._replace(brightness=300.0)]
    _, (still, mirrored, shifted, white) = both(changes, image)
    assert np.array_equal(still, image)
    assert np.array_equal(mirrored, image[:, ::-1])
    assert np.array_equal(shifted[2:, 3:], image[:-2, :-3])
    assert np.array_equal(shifted[2:, 2], image[:-2, 1])  # about the outermost pixel's centre
    assert (white == 255).all()


class Cache(dict):
    """Images by hash, as the cache on disk has them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.images = rng.integers(1, 256, (12, 32, 48, 3), dtype=np.uint8)
        super().__init__({f"h{row}": image for row, image in enumerate(self.images)})


@pytest.fixture
def datasets(config):
    """The data set of some transforms, and the same on the device."""

    def build(contents: list[str], *overrides: str) -> tuple[PackageDataset, DeviceDataset]:
        cfg = config("train", *overrides)
        table = pd.DataFrame({"sha256": contents, "label": ["intact", "damaged"] * 3})
        change = training_transform(cfg.transforms)
        dataset = PackageDataset(table, Cache(), change, cfg.perspective.camera_dropout)
        return dataset, DeviceDataset(dataset, cfg.transforms, torch.device("cpu"))

    return build


SINGLE = [f"h{row}" for row in range(6)]
PAIRS = ["h0;h1", "h2;h3", ";h5", "h6;", "h8;h9", "h10;h11"]


@pytest.mark.parametrize(("perspective", "contents"), [("side", SINGLE), ("pair", PAIRS)])
def test_batches_are_those_of_the_cache(datasets, perspective, contents):
    dropout = 0.3 if perspective == "pair" else 0.0
    overrides = [f"perspective={perspective}", f"perspective.camera_dropout={dropout}"]
    host, device = datasets(contents, *overrides)
    unchanged = device.__getitems__([4, 0, 3, 2])
    assert torch.equal(unchanged.image, torch.stack([host[row].image for row in (4, 0, 3, 2)]))
    assert unchanged.label.tolist() == [0, 0, 1, 0]
    indices = [(row, seed) for row in range(6) for seed in range(10)]
    batch = device.__getitems__(indices)
    expected = torch.stack([host[index].image for index in indices])
    assert batch.image.shape == expected.shape
    difference = (batch.image.int() - expected.int()).abs().float()
    assert difference.mean() < (0.01 if EXACT else 2)
    dark = [(half == 0).flatten(1).all(1) for half in expected.chunk(2, dim=3)]
    found = [(half == 0).flatten(1).all(1) for half in batch.image.chunk(2, dim=3)]
    assert torch.equal(torch.stack(found), torch.stack(dark))
    assert torch.stack(dark).any() == (perspective == "pair")


def test_auto_keeps_images_on_a_gpu_that_has_room_for_them(config, monkeypatch):
    size, gpu = (100, 200), torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (60_000 * 50 / SHARE, 0))
    cfg = config("train")
    assert pays(cfg, 50, size, gpu)
    assert not pays(cfg, 51, size, gpu)
    assert not pays(cfg, 1, size, torch.device("cpu"))
    assert not pays(config("train", "data.num_workers=2"), 1, size, gpu)
    assert not pays(config("train", "finetune=probe"), 1, size, gpu)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.on_device=maybe"], "on_device=maybe.*auto, true or false"),
        (["data.on_device=true", "data.num_workers=2"], "num_workers=2"),
        (["data.on_device=true", "finetune=probe"], "finetune.views"),
    ],
)
def test_what_would_have_no_effect_is_refused(config, overrides, message):
    with pytest.raises(UserError, match=message):
        check_on_device(config("train", *overrides))
    check_on_device(config("train", *overrides[1:]))
