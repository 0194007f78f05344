"""Sweeps in processes of their own, which can kill themselves at a chosen moment."""

import multiprocessing
import signal
from pathlib import Path

import pytest
import torch

from packsight.models.weights import read_checkpoint
from packsight.system.files import read_json

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=32", "trainer.max_epochs=3", "data.batch_size=4",
         "trainer=cpu", "data.source=photos"]  # fmt: skip
SWEEP = ["-m", "name=exp", "perspective=side,top", "seed=0,1", *SMALL]
FILES = ("history.csv", "metrics.json", "predictions.csv")
# A sweep in a process of its own; `moment` is where that process kills itself, `times` how often
# it gets there before.
DRIVER = """
import functools, os, runpy, signal, sys
import torch
from packsight.pipeline import evaluate
from packsight.training import checkpointing as state
from packsight.training.classifier import Classifier

# Sums of another order are other sums: one thread here and in every process that is started here.
os.environ["OMP_NUM_THREADS"] = "1"
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
    evaluate.evaluate_run = counted(evaluate.evaluate_run)
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


@pytest.fixture(scope="session")
def start():
    """Start a training in a new process, which has what is heavy imported already."""
    context = multiprocessing.get_context("forkserver")
    heavy = ["cli", "training.fit", "pipeline.train", "reporting.sweep_end"]
    context.set_forkserver_preload([f"packsight.{name}" for name in heavy])

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


@pytest.fixture(scope="session")
def ended(start):
    def run(*arguments, **keywords) -> int:
        process = start(*arguments, **keywords)
        process.join(timeout=300)
        assert process.exitcode is not None
        return process.exitcode

    return run


@pytest.fixture(scope="session")
def plant(tmp_path_factory, sample, script):
    """Make a folder with the images of a few packages, which are prepared once for all."""
    prepared = tmp_path_factory.mktemp("prepared")
    assert script("prepare", f"data.source={sample}", "data.name=photos", cwd=prepared) == 0

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / "photos").symlink_to(prepared / "outputs" / "data" / "photos")
        (folder / "photos.zip").symlink_to(sample)
        return folder

    return make


@pytest.fixture(scope="session")
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


def _same(first: Path, second: Path) -> bool:
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


@pytest.fixture(scope="session")
def same():
    """Whether the four runs of two sweeps came to the same, bit for bit."""
    return _same


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Overrides that make a run a matter of a second."""
    return SMALL


@pytest.fixture(scope="session")
def sweep() -> list[str]:
    """The arguments of a sweep of four small runs."""
    return SWEEP
