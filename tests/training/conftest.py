"""Prepared data that the trainings of these tests share, and a training of its parts."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from packsight.configuration.stored import resolved
from packsight.data.datamodule import PackageDataModule
from packsight.models.network import Network
from packsight.pipeline.plan import plan_run
from packsight.pipeline.train import assemble, fit_network
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings
from packsight.runs.state import Attempt
from packsight.training.precision import Precision


@pytest.fixture(scope="package")
def prepared(sample, tmp_path_factory) -> Path:
    settings = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)
    return prepare(sample, tmp_path_factory.mktemp("data") / "sample", settings)


@pytest.fixture
def fitted(prepared, config, tmp_path) -> Callable[..., tuple[Network, PackageDataModule]]:
    """Train in fp32 in a folder, as the stage does; `before` sees the network first."""

    def run(folder: Path, *overrides: str, before: Callable[[Network], None] | None = None):
        cfg = config("train", f"outputs={tmp_path}", *overrides)
        cfg.folder = str(folder)
        if cfg.data.on_device == "auto":
            cfg.data.on_device = False
        plan = plan_run(cfg)
        torch.manual_seed(0)
        network, data = assemble(cfg, plan, prepared, Precision.FP32)
        if before is not None:
            before(network)
        fit_network(
            cfg, plan, network, data, data.members, Precision.FP32, folder, resolved(cfg), Attempt()
        )
        return network, data

    return run
