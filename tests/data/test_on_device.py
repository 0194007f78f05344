"""Images on the device: the batches of the cache, and what cannot be had there."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.data.dataset import PackageDataset
from packsight.data.on_device import SHARE, DeviceDataset, check_on_device, pays
from packsight.data.transforms_config import augmentation
from packsight.errors import UserError

EXACT = int(cv2.__version__.partition(".")[0]) >= 5  # before, it moved in steps of 1/32 pixel


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
        change = augmentation(cfg.transforms.pipeline, (32, 48))
        dataset = PackageDataset(table, Cache(), change, cfg.perspective.camera_dropout)
        return dataset, DeviceDataset(dataset, torch.device("cpu"))

    return build


SINGLE = [f"h{row}" for row in range(6)]
PAIRS = ["h0;h1", "h2;h3", ";h5", "h6;", "h8;h9", "h10;h11"]
BURSTS = ["h0|h1|h2", "h3", "h4|h5", "h6", "h7|h8|h9", "h10"]


@pytest.mark.parametrize(
    ("perspective", "contents"), [("side", SINGLE), ("pair", PAIRS), ("side", BURSTS)]
)
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
    pipeline = config("train").transforms.pipeline
    assert pays(50, size, gpu, 0, 0, pipeline)
    assert not pays(51, size, gpu, 0, 0, pipeline)
    assert not pays(1, size, torch.device("cpu"), 0, 0, pipeline)
    assert not pays(1, size, gpu, 2, 0, pipeline)
    assert not pays(1, size, gpu, 0, 8, pipeline)
    more = config("train", "transforms=[standard,noise]").transforms.pipeline
    assert not pays(1, size, gpu, 0, 0, more)


@pytest.mark.parametrize(
    ("asked", "overrides", "message"),
    [
        ("maybe", [], "on_device=maybe.*auto, true or false"),
        (True, ["data.num_workers=2"], "num_workers=2.*data.on_device=auto"),
        (True, ["finetune=probe"], "finetune.views"),
        (True, ["transforms=[standard,jpeg]"],
         r"cannot do transforms.pipeline.jpeg \(ImageCompression\); use data.on_device=false"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(config, asked, overrides, message):
    cfg = config("train", *overrides)
    rest = cfg.data.num_workers, cfg.finetune.views, cfg.transforms.pipeline
    with pytest.raises(UserError, match=message):
        check_on_device(asked, *rest)
    for possible in ("auto", False, None):
        check_on_device(possible, *rest)


def test_a_data_set_with_other_changes_is_refused(datasets):
    with pytest.raises(UserError, match=r"cannot do transforms.pipeline.blur \(GaussianBlur\)"):
        datasets(SINGLE, "transforms=[standard,blur]")
    host, _ = datasets(SINGLE)
    host.transform = lambda image, seed: image
    with pytest.raises(UserError, match="an Augmentation"):
        DeviceDataset(host, torch.device("cpu"))


def test_without_changes_the_images_are_those_of_the_cache(datasets):
    host, _ = datasets(SINGLE)
    host.transform = None
    device = DeviceDataset(host, torch.device("cpu"))
    assert torch.equal(device.__getitems__([(3, 1)]).image[0], host[3].image)
