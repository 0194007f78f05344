"""A compiled training leaves what an ordinary one leaves, and its checkpoint works everywhere."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from packsight.errors import UserError
from packsight.models.network import Network, build_network
from packsight.models.weights import network_state, read_checkpoint
from packsight.system.files import read_json
from packsight.training.compilation import MODES, Compiled, check_compile

CPU = torch.device("cpu")
SMALL = ["model.backbone=resnet10t", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=32", "trainer.max_epochs=2", "trainer=cpu",
         "callbacks.progress=null", "logger=none"]  # fmt: skip


def trained(script, folder: Path, sample: Path, *overrides: str) -> Path:
    assert script("train", f"data.source={sample}", *SMALL, *overrides, cwd=folder) == 0
    [status] = folder.glob("outputs/runs/**/status.json")
    assert read_json(status)["state"] == "done"
    return status.parent


def test_a_traced_run_leaves_the_weights_of_an_ordinary_network(
    script, tmp_path, sample, monkeypatch
):
    """Traced, but run by PyTorch itself, which needs no compiler and no minute."""
    modes = []

    def traced(network: Network, mode: str) -> None:
        modes.append(mode)
        nn.Module.compile(network, backend="eager")

    monkeypatch.setattr(Network, "compile", traced, raising=False)
    # A run that is done has loaded its best.ckpt into a network that is not compiled.
    run = trained(script, tmp_path, sample, "model.compile=default")
    assert modes == ["default"]
    names = list(build_network("resnet10t", (32, 32)).state_dict())
    for name in ("best", "last"):
        checkpoint = read_checkpoint(run / "checkpoints" / f"{name}.ckpt")
        assert list(network_state(checkpoint)) == names


def test_a_sweep_of_many_networks_compiles_each_of_them(monkeypatch):
    compiled = []

    def count(graph, inputs):
        compiled.append(graph)
        return graph.forward

    def traced(network: Network, mode: str) -> None:
        nn.Module.compile(network, backend=count)

    monkeypatch.setattr(Network, "compile", traced, raising=False)
    torch.compiler.reset()
    for layers in range(1, 11):
        backbone = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(layers)))
        network = Network(backbone, (0.5,) * 3, (0.5,) * 3)
        Compiled("default").on_fit_start(None, SimpleNamespace(network=network))
        network(torch.rand(1, 3, 2, 2))
    assert len(compiled) == 10


@pytest.mark.compiles
def test_a_compiled_run_can_be_used_as_an_ordinary_one(script, tmp_path, sample):
    for name in ("plain", "compiled"):
        (tmp_path / name).mkdir()
    plain = trained(script, tmp_path / "plain", sample)
    run = trained(script, tmp_path / "compiled", sample, "model.compile=default")
    assert run.name != plain.name  # other sums: not the same run
    for file in ("checkpoints/best.ckpt", "checkpoints/last.ckpt"):
        one, other = (read_checkpoint(folder / file)["state_dict"] for folder in (plain, run))
        assert list(one) == list(other)
    histories = [pd.read_csv(folder / "history.csv")["train/loss"] for folder in (plain, run)]
    assert histories[1].to_list() == pytest.approx(histories[0].to_list(), abs=0.02)
    where = tmp_path / "compiled"
    assert script("evaluate", f"run={run}", cwd=where) == 0
    [metrics] = run.glob("evaluations/*/metrics.json")
    assert read_json(metrics)["test"] == read_json(run / "metrics.json")["test"]
    few = ["explainer.max_steps=16", "per_outcome=1", "measured=2"]
    assert script("explain", f"run={run}", *few, cwd=where) == 0
    assert script("predict", f"run={run}", f"source={sample}", "output=res", cwd=where) == 0


@pytest.mark.parametrize("mode", MODES)
def test_modes_are_those_that_torch_knows(mode, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    check_compile(mode, views=0)
    torch.compile(nn.Linear(1, 1), mode=mode)  # raises for a mode of no meaning


def test_what_cannot_be_compiled_is_told_before_a_training(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    check_compile(None, views=0)
    with pytest.raises(UserError, match=r"compile=fast is unknown.*reduce-overhead"):
        check_compile("fast", views=0)
    with pytest.raises(UserError, match="head alone"):
        check_compile("default", views=4)
    monkeypatch.setenv("CXX", "no-such-c++")
    with pytest.raises(UserError, match=r"no-such-c\+\+ is not there"):
        check_compile("default", views=0)
