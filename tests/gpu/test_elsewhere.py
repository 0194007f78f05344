"""What was trained on a GPU is evaluated, explained and exported, there and without one."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from packsight.domain import Precision
from packsight.explanation.attribution import Scorer, exact
from packsight.explanation.integrated_gradients import IntegratedGradients
from packsight.jobs import take_gpu
from packsight.models.network import build_network
from packsight.models.rounding import round_products

pytestmark = pytest.mark.gpu
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CLOSE = {
    Precision.FP32: 1e-5, Precision.TF32: 1e-5, Precision.FP16: 1e-3, Precision.BF16: 1e-2,
    Precision.BF16_TRUE: 2e-2,
}  # fmt: skip


def scores(folder: Path) -> pd.Series:
    table = pd.read_csv(folder / "predictions.csv")
    return table[table["split"] == "test"].set_index("path")["probability"].sort_index()


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_it_says_the_same_on_both(train, script, workspace, precision, device):
    run = train(precision, f"precision={precision}")
    output = workspace / "evaluated" / precision / device
    command = [f"run={run.folder}", f"device={device}", f"output={output}"]
    assert script("evaluate", *command, cwd=workspace) == 0
    [file] = output.rglob("predictions.csv")
    close = CLOSE[precision] if device == "cpu" else 1e-6
    pd.testing.assert_series_equal(
        scores(file.parent), scores(run.folder), rtol=0, atol=close, check_names=False
    )


def test_a_machine_without_a_gpu_evaluates_exports_and_explains_it(train, workspace):
    run = train("exact")
    blind = os.environ | {"CUDA_VISIBLE_DEVICES": ""}

    def stage(name: str, *arguments: str) -> None:
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), f"run={run.folder}", *arguments]
        subprocess.run(command, cwd=workspace, env=blind, check=True)

    stage("evaluate", f"output={workspace / 'blind'}")
    [file] = (workspace / "blind").rglob("predictions.csv")
    pd.testing.assert_series_equal(
        scores(file.parent), scores(run.folder), rtol=0, atol=1e-5, check_names=False
    )
    stage("export", "output=line.pyz")


def test_maps_are_exact_although_the_run_rounded(gpu):
    torch.manual_seed(0)
    network = build_network("resnet10t", (64, 64)).eval()
    images = torch.rand(2, 3, 64, 64)
    method = IntegratedGradients(["black"], 9, max_steps=9, max_batch=8)
    maps = []
    round_products(tf32=True)
    try:
        for device in (torch.device("cpu"), gpu):
            scorer, here = Scorer(network.to(device)), images.to(device)
            with exact(device):
                found = method.explain(scorer, here, torch.zeros_like(here)[:, None])
            maps.append(torch.stack([item.map for item in found]))
        assert torch.backends.cudnn.allow_tf32
    finally:
        round_products(tf32=False)
    assert (maps[0] - maps[1]).abs().max() < 1e-4 * maps[0].abs().max()


def test_a_job_takes_one_of_several_gpus_and_the_only_one(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc,1")
    take_gpu(4)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    take_gpu(5)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    take_gpu(3)
    assert os.environ.pop("CUDA_VISIBLE_DEVICES") == "1"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    take_gpu(3)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
