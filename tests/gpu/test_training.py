"""Every precision trains on a GPU; what was promised of order, kills and graphs holds there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from gpu_small import SMALL

from packsight.domain import Precision
from packsight.models.weights import read_checkpoint
from packsight.system.files import read_json

pytestmark = pytest.mark.gpu
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
KILLED = """
import functools, os, runpy, signal, sys
from packsight.training.classifier import Classifier
step, left = Classifier.training_step, 5
@functools.wraps(step)
def counted(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
Classifier.training_step = counted
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("precision", list(Precision))
def test_every_precision_learns_what_fp32_learns(train, precision):
    exact, run = train("exact"), train(precision, f"precision={precision}")
    losses, expected = run.history["train/loss"], exact.history["train/loss"]
    assert losses.to_list() == pytest.approx(expected.to_list(), abs=0.1)
    assert run.predictions["probability"].between(0, 1).all()
    device = read_json(run.folder / "environment.json")["device"]
    assert device == torch.cuda.get_device_name()


def assert_same(one, other):
    """In all but the memory, which depends on what torch keeps from earlier runs."""
    pd.testing.assert_frame_equal(
        one.history.drop(columns="gpu_peak_mb"), other.history.drop(columns="gpu_peak_mb"),
        rtol=0, atol=0,
    )  # fmt: skip
    assert all(torch.equal(value, other.state[key]) for key, value in one.state.items())


def test_fp16_scales_its_loss_and_unscales_before_it_clips(train):
    run = train(Precision.FP16, "precision=fp16")
    last = read_checkpoint(run.folder / "checkpoints" / "last.ckpt")
    assert last["MixedPrecision"]["scale"] >= 1024
    exact = train("exact")
    for name, value in run.state.items():
        if value.ndim == 4:
            assert (value - exact.state[name]).norm() < 0.2 * exact.state[name].norm(), name


@pytest.mark.parametrize(("precision", "on_device"), [("fp32", "true"), ("bf16", "false")])
def test_two_runs_are_the_same_bit_for_bit(train, precision, on_device):
    settings = [f"precision={precision}", f"data.on_device={on_device}"]
    name = f"{precision}-{on_device}"
    one, other = train(f"one-{name}", *settings), train(f"other-{name}", *settings)
    assert_same(one, other)


def test_strict_determinism_trains_or_says_what_stands_against_it(workspace, script, capfd):
    command = ["name=strict", *SMALL, "trainer.deterministic=true"]
    code = script("train", *command, cwd=workspace)
    said = " ".join(capfd.readouterr().err.split())
    assert code in (0, 2)
    assert code == 0 or "use trainer.deterministic=warn" in said


def test_a_run_that_was_killed_ends_as_one_that_was_not(train, workspace):
    whole = train("exact")
    command = [sys.executable, "-c", KILLED, str(SCRIPT), "name=killed", *SMALL]
    ended = subprocess.run(command, cwd=workspace, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert ended.returncode == -signal.SIGKILL
    resumed = train("killed")
    assert read_json(resumed.folder / "status.json")["resumed"] == 1
    assert_same(resumed, whole)


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compiled_it_learns_the_same_with_a_short_last_batch(train, mode):
    exact, run = train("exact"), train(f"compiled-{mode}", f"model.compile={mode}")
    assert run.history["train/loss"].to_list() == pytest.approx(
        exact.history["train/loss"].to_list(), abs=0.05
    )
    assert run.state.keys() == exact.state.keys()
