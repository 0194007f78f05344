"""Images on their way to a GPU, and on it."""

import pytest
import torch

from packsight.data import on_device
from packsight.data.datamodule import PackageDataModule
from packsight.data.on_device import DeviceDataset
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings

pytestmark = pytest.mark.gpu
SIZE = (64, 96)


@pytest.fixture
def data(sample, tmp_path) -> PackageDataModule:
    settings = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)
    folder = prepare(sample, tmp_path / "data", settings)
    return PackageDataModule(folder, ["side"], SIZE, cache_folder=tmp_path / "cache")


def test_batches_from_the_cache_lie_in_pinned_memory(data):
    batch = next(iter(data.train_dataloader()))
    assert batch.image.is_pinned()
    assert batch.label.is_pinned()


def test_images_on_the_device_take_what_was_estimated(data, gpu):
    before = torch.cuda.memory_allocated()
    whole = DeviceDataset(data.train_dataloader().dataset, gpu)
    taken = torch.cuda.memory_allocated() - before
    estimated = 3 * SIZE[0] * SIZE[1] * (len(whole) + 1)  # and a black one
    assert estimated <= taken <= 1.1 * estimated + 2**20


def test_auto_takes_a_quarter_of_the_free_memory_at_most(gpu):
    free, _ = torch.cuda.mem_get_info(gpu)
    fitting = int(0.2 * free / (3 * SIZE[0] * SIZE[1]))
    assert on_device.pays(fitting, SIZE, gpu, 0, 0, {})
    assert not on_device.pays(2 * fitting, SIZE, gpu, 0, 0, {})


def test_a_batch_is_changed_there_as_on_the_host(data, gpu, config):
    from packsight.configuration.stored import resolved
    from packsight.data.transforms_config import augmentation

    pipeline = resolved(config("train"))["transforms"]["pipeline"]
    data.transform = augmentation(pipeline, SIZE)
    host = data.train_dataloader().dataset
    pairs = [(row, 7 + row) for row in range(8)]
    there = DeviceDataset(host, gpu).__getitems__(pairs).image.cpu().float()
    here = torch.stack([host[pair].image for pair in pairs]).float()
    assert (there - here).abs().mean() < 1
