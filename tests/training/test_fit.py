"""A training whose images stand on the device follows one whose images come from the cache."""

import pandas as pd
import pytest
import torch

from packsight.data.datamodule import PackageDataModule
from packsight.data.on_device import DeviceDataset

SMALL = ["model.backbone=resnet10t", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=[32,48]", "data.batch_size=4", "trainer=cpu", "trainer.max_epochs=3",
         "callbacks.progress=null", "logger=none", "optimizer.lr=0.0001"]  # fmt: skip


@pytest.fixture
def trained(fitted, tmp_path):
    """A training's history, and its data."""

    def run(*overrides: str) -> tuple[pd.DataFrame, PackageDataModule]:
        folder = tmp_path / "-".join(overrides)
        _, data = fitted(folder, *SMALL, *overrides)
        return pd.read_csv(folder / "history.csv"), data

    return run


@pytest.mark.parametrize("perspective", ["side", "pair"])
def test_it_learns_the_same_with_all_images_on_the_device(trained, perspective):
    off, host = trained(f"perspective={perspective}", "data.on_device=false")
    on, device = trained(f"perspective={perspective}", "data.on_device=true")
    assert isinstance(device.train_dataloader().dataset, DeviceDataset)
    assert not isinstance(host.train_dataloader().dataset, DeviceDataset)
    for name in ("train/loss", "val/loss"):
        assert on[name].to_list() == pytest.approx(off[name].to_list(), abs=0.01)
    assert off["train/loss"].std() > 0.01
    for one, other in zip(host.val_dataloader(), device.val_dataloader(), strict=True):
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.label, other.label)


def test_without_transforms_nothing_differs(trained):
    histories = [trained("transforms=none", f"data.on_device={on}")[0] for on in ("true", "false")]
    pd.testing.assert_frame_equal(*histories, rtol=1e-5)
