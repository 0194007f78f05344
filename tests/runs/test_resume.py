"""Sweeps that are killed, shared or handed to a launcher end as undisturbed ones do."""

import multiprocessing
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

from packsight.files import read_json
from packsight.models.weights import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["model.backbone=resnet10t", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=32", "trainer.max_epochs=3", "data.batch_size=4",
         "trainer=cpu", "data.source=raw-data.zip"]  # fmt: skip
SWEEP = ["-m", "name=exp", "perspective=side,top", "seed=0,1", *SMALL]
FILES = ("history.csv", "metrics.json", "predictions.csv")
# A sweep in a process of its own; `moment` is where that process kills itself, `times` how often
# it gets there before.
DRIVER = """
import functools, os, runpy, signal, sys
import torch
from packsight import pipeline
from packsight.training import state
from packsight.training.classifier import Classifier

torch.set_num_threads(1)
left = times

def counted(function, half=None):
    @functools.wraps(function)
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            if half:
                half(*arguments)
            os.kill(os.getpid(), signal_number)
        return function(*arguments, **keywords)
    return call

def half_a_file(content, path):
    path.write_bytes(b"half a checkpoint")

if moment == "training":
    Classifier.training_step = counted(Classifier.training_step)
elif moment == "checkpoint":
    torch.save = counted(torch.save, half_a_file)
elif moment == "evaluation":
    pipeline._evaluate = counted(pipeline._evaluate)
os.chdir(folder)
sys.argv = ["train.py", *arguments]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as stop:
    sys.stdout.flush()
    if "joblib" in sys.modules:  # whose idle workers would keep this process for minutes
        from joblib.externals.loky import get_reusable_executor
        get_reusable_executor().shutdown(kill_workers=True)
    os._exit(int(stop.code or 0))
"""


@pytest.fixture(scope="module")
def start():
    """Start a training in a new process, which has what is heavy imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["packsight.cli", "packsight.training.fit",
                                    "packsight.runs.sweep", "packsight.pipeline"])  # fmt: skip

    def run(folder, arguments, moment="", times=0, number=signal.SIGKILL):
        values = {
            "folder": str(folder),
            "script": str(ROOT / "scripts" / "train.py"),
            "arguments": arguments,
            "moment": moment,
            "times": times,
            "signal_number": number,
        }
        process = context.Process(target=exec, args=(DRIVER, values))
        process.start()
        return process

    return run


@pytest.fixture(scope="module")
def ended(start):
    def run(*arguments, **keywords) -> int:
        process = start(*arguments, **keywords)
        process.join(timeout=300)
        assert process.exitcode is not None
        return process.exitcode

    return run


@pytest.fixture(scope="module")
def plant(tmp_path_factory, sample):
    """Make a folder with the raw images of a few packages."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / "raw-data.zip").symlink_to(sample)
        return folder

    return make


@pytest.fixture(scope="module")
def undisturbed(plant, ended) -> Path:
    folder = plant("undisturbed")
    assert ended(folder, SWEEP) == 0
    return folder


def results(folder: Path) -> dict[str, dict]:
    """Whatever a sweep's runs came to, bit for bit: {run: {file: content}}."""
    found = {}
    for status in sorted(folder.glob("outputs/exp/**/status.json")):
        run = status.parent
        assert read_json(status)["state"] == "done"
        content: dict = {name: (run / name).read_bytes() for name in FILES}
        for name in ("best", "last"):
            checkpoint = read_checkpoint(run / "checkpoints" / f"{name}.ckpt")
            content |= {f"{name} {key}": value for key, value in checkpoint["state_dict"].items()}
            if name == "last":
                [optimizer] = checkpoint["optimizer_states"]
                for index, values in optimizer["state"].items():
                    content |= {f"{index} {key}": value for key, value in values.items()}
        assert list(run.rglob(".*")) == []
        found[run.relative_to(folder).as_posix()] = content
    return found


def same(first: Path, second: Path) -> bool:
    one, other = results(first), results(second)
    assert one.keys() == other.keys()
    assert len(one) == 4
    return all(
        torch.equal(torch.as_tensor(value), torch.as_tensor(other[run][key]))
        if isinstance(value, torch.Tensor)
        else value == other[run][key]
        for run in one
        for key, value in one[run].items()
    )


def finished(folder: Path) -> dict[Path, int]:
    """The files of runs that are done, and when they were written."""
    return {
        file: file.stat().st_mtime_ns
        for status in folder.glob("outputs/exp/**/status.json")
        if read_json(status)["state"] == "done"
        for file in status.parent.rglob("*")
        if file.is_file()
    }


def test_a_sweep_that_is_killed_three_times_ends_as_if_it_never_was(plant, ended, undisturbed):
    folder = plant("killed")
    command = SWEEP
    done: dict[Path, int] = {}
    # A run has 3 steps an epoch and 6 checkpoints; each kill hits another run of the sweep.
    for moment, times in (("training", 5), ("checkpoint", 9), ("evaluation", 1)):
        assert ended(folder, command, moment=moment, times=times) == -signal.SIGKILL
        now = finished(folder)
        assert {file: now.get(file) for file in done} == done
        done = now
    assert 0 < len({file.parent for file in done if file.name == "status.json"}) < 4
    assert ended(folder, command) == 0
    assert {file: finished(folder).get(file) for file in done} == done
    resumed = [read_json(file)["resumed"] for file in folder.glob("outputs/exp/**/status.json")]
    assert sum(resumed) == 3
    assert same(folder, undisturbed)
    states = {job["ending"] for job in read_json(folder / "outputs/exp/jobs.json")}
    assert states == {"done", "skipped"}
    table = pd.read_csv(folder / "outputs/exp/leaderboard.csv").drop(columns="seconds")
    other = pd.read_csv(undisturbed / "outputs/exp/leaderboard.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(table, other)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_an_interrupted_run_that_goes_on(plant, ended, number):
    folder = plant("stopped")
    command = ["name=exp", *SMALL]
    assert ended(folder, command, moment="training", times=5, number=number) == 130
    [file] = folder.glob("outputs/exp/**/status.json")
    assert read_json(file)["state"] == "interrupted"
    assert (file.parent / "checkpoints/last.ckpt").is_file()
    assert ended(folder, command) == 0
    assert read_json(file)["state"] == "done"
    assert read_json(file)["resumed"] == 1
    assert len(pd.read_csv(file.parent / "history.csv")) == 3


def test_two_processes_share_a_sweep_and_train_no_run_twice(plant, start, undisturbed):
    folder = plant("shared")
    command = SWEEP
    processes = [start(folder, command) for _ in range(2)]
    for process in processes:
        process.join(timeout=300)
    assert [process.exitcode for process in processes] == [0, 0]
    assert same(folder, undisturbed)
    for file in folder.glob("outputs/exp/**/status.json"):
        events = list((file.parent / "tensorboard").glob("events*"))
        # One writer in training, and one for each figure that is shown.
        assert len({event.name.split(".")[-3] for event in events}) == 1
        assert read_json(file)["resumed"] == 0


def test_joblib_trains_side_by_side_what_a_sweep_trains_in_turn(plant, ended, undisturbed):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    folder = plant("joblib")
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    assert ended(folder, [*SWEEP, *launcher]) == 0
    assert same(folder, undisturbed)


def test_a_job_that_fails_in_another_process_is_told_and_stops_no_other(plant, ended):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    folder = plant("failing")
    command = ["-m", "name=exp", *SMALL, "optimizer.lr=0.001,1e30",
               "trainer.max_epochs=1", "trainer.gradient_clip_val=null",
               "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]  # fmt: skip
    assert ended(folder, command) == 1
    jobs = read_json(folder / "outputs/exp/jobs.json")
    assert [job["ending"] for job in jobs] == ["done", "failed"]
    assert "FloatingPointError" in jobs[1]["traceback"]
    assert "optimizer.lr" in jobs[1]["error"]
    states = {read_json(file)["state"] for file in folder.glob("outputs/exp/**/status.json")}
    assert states == {"done", "failed"}
