"""Sweeps that are killed or stopped end as undisturbed ones do."""

import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

from packsight.models.weights import read_checkpoint
from packsight.system.files import read_json


def finished(folder: Path) -> dict[Path, int]:
    """The files of runs that are done, and when they were written."""
    return {
        file: file.stat().st_mtime_ns
        for status in folder.glob("outputs/exp/**/status.json")
        if read_json(status)["state"] == "done"
        for file in status.parent.rglob("*")
        if file.is_file()
    }


def test_a_sweep_that_is_killed_three_times_ends_as_if_it_never_was(
    plant, ended, undisturbed, same, sweep
):
    folder = plant("killed")
    done: dict[Path, int] = {}
    # A run has 3 steps an epoch and 6 checkpoints; each kill hits another run of the sweep.
    for moment, times in (("training", 5), ("checkpoint", 9), ("evaluation", 1)):
        assert ended(folder, sweep, moment=moment, times=times) == -signal.SIGKILL
        now = finished(folder)
        assert {file: now.get(file) for file in done} == done
        done = now
    assert 0 < len({file.parent for file in done if file.name == "status.json"}) < 4
    assert ended(folder, sweep) == 0
    assert {file: finished(folder).get(file) for file in done} == done
    resumed = [read_json(file)["resumed"] for file in folder.glob("outputs/exp/**/status.json")]
    assert sum(resumed) == 3
    assert same(folder, undisturbed)
    states = {job["ending"] for job in read_json(folder / "outputs/exp/jobs.json")}
    assert states == {"done", "skipped"}
    table = pd.read_csv(folder / "outputs/exp/leaderboard.csv").drop(columns="seconds")
    other = pd.read_csv(undisturbed / "outputs/exp/leaderboard.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(table, other)


@pytest.mark.sweeps
def test_a_sweep_that_is_killed_renamed_and_moved_ends_as_if_it_had_stayed(
    plant, ended, undisturbed, same, sweep
):
    folder = plant("moved")
    first = ["name=first" if word == "name=exp" else word for word in sweep]
    # In the last epoch of the second run; the first is done by then.
    assert ended(folder, first, moment="training", times=16) == -signal.SIGKILL
    (folder / "outputs/first").rename(folder / "outputs/exp")
    elsewhere = folder.rename(folder.with_name(f"{folder.name}_elsewhere"))
    assert ended(elsewhere, sweep) == 0
    jobs = read_json(elsewhere / "outputs/exp/jobs.json")
    assert [job["ending"] for job in jobs] == ["skipped", "done", "done", "done"]
    states = [read_json(file) for file in elsewhere.glob("outputs/exp/**/status.json")]
    assert sum(state["resumed"] for state in states) == 1
    assert same(elsewhere, undisturbed)


def test_a_loss_that_is_no_number_ends_a_run_in_a_sentence(plant, script, small, capfd):
    folder = plant("diverging")
    wild = ["optimizer.weight_decay=1e38", "trainer.gradient_clip_val=null"]
    assert script("train", "name=exp", *small, *wild, cwd=folder) == 2
    said = capfd.readouterr().err
    assert "loss of epoch 0 is" in said
    assert "lower optimizer.lr" in said
    assert "Traceback" not in said
    [file] = folder.glob("outputs/exp/**/status.json")
    assert read_json(file)["state"] == "failed"
    assert "loss of epoch 0 is" in read_json(file)["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_an_interrupted_run_that_goes_on(plant, ended, small, number):
    folder = plant("stopped")
    command = ["name=exp", *small]
    assert ended(folder, command, moment="training", times=5, number=number) == 130
    [file] = folder.glob("outputs/exp/**/status.json")
    assert read_json(file)["state"] == "interrupted"
    assert (file.parent / "checkpoints/last.ckpt").is_file()
    assert ended(folder, command) == 0
    assert read_json(file)["state"] == "done"
    assert read_json(file)["resumed"] == 1
    assert len(pd.read_csv(file.parent / "history.csv")) == 3


MOVED = ["name=exp", "seed=3"]


@pytest.fixture(scope="module")
def stayed(plant, ended, small) -> Path:
    folder = plant("stayed")
    assert ended(folder, [*MOVED, *small]) == 0
    return folder


@pytest.mark.parametrize("kind", ["moved", "copied", "linked"])
def test_a_run_that_was_moved_ends_as_if_it_had_stayed(plant, ended, small, stayed, kind):
    """Lightning forgets the best epoch of a checkpoint that comes from elsewhere."""
    command = [*MOVED, *small]
    folder = plant("before")
    assert ended(folder, command, moment="training", times=8) == -signal.SIGKILL
    after = folder.with_name(f"{folder.name}_{kind}")
    if kind == "moved":
        folder.rename(after)
    elif kind == "copied":
        shutil.copytree(folder, after, symlinks=True)
        shutil.rmtree(folder)
    else:
        after.mkdir()
        folder.rename(folder.with_name(f"{folder.name}_real"))
        (after / "outputs").symlink_to(folder.with_name(f"{folder.name}_real") / "outputs")
        for name in ("photos", "photos.zip"):
            (after / name).symlink_to((stayed / name).resolve())
    assert ended(after, command) == 0
    [one], [other] = (place.glob("outputs/exp/**/status.json") for place in (stayed, after))
    assert read_json(other)["resumed"] == 1
    for name in ("history.csv", "metrics.json", "predictions.csv"):
        assert (one.parent / name).read_bytes() == (other.parent / name).read_bytes()
    states = [
        read_checkpoint(run.parent / "checkpoints" / name)
        for run in (one, other)
        for name in ("best.ckpt", "last.ckpt")
    ]
    for before, now in zip(states[:2], states[2:], strict=True):
        assert before["callbacks"] == now["callbacks"]
        assert before["state_dict"].keys() == now["state_dict"].keys()
        for key, value in before["state_dict"].items():
            assert torch.equal(value, now["state_dict"][key])


def test_nothing_in_a_runs_folder_says_where_it_is(plant, ended, small):
    folder = plant("named")
    assert ended(folder, ["name=exp", f"outputs={folder}/outputs", *small]) == 0
    [status] = folder.glob("outputs/exp/**/status.json")
    for file in status.parent.rglob("*"):
        if file.is_file() and "tensorboard" not in file.parts:
            assert str(folder).encode() not in file.read_bytes(), file
