"""A sweep whose disk fills up ends in a sentence; with more room it ends as an undisturbed one."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_disk import small_disk

from packsight.system.files import read_json

pytestmark = pytest.mark.sweeps
ROOT = Path(__file__).resolve().parents[2]
# Before this call, the so-manieth, the disk fills up.
MOMENTS = {
    "preparing": ("packsight.preparation.prepare", "_write_images", 1),
    "the cache": ("packsight.data.cache", "ImageCache._build", 2),
    "the first checkpoint": ("torch", "save", 1),
    "a checkpoint of a later run": ("torch", "save", 9),
    "predictions": ("packsight.pipeline.evaluate", "evaluate_run", 2),
    "figures": ("packsight.training.tensorboard", "log_results", 1),
    "models.zip": ("packsight.reporting.sweep_end", "pack_models", 1),
}
DRIVER = """
import functools, importlib, operator, os, runpy, sys
import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
left = times

def fill():
    filler = os.open("outputs/filler", os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 1 << 12, 1):
        try:
            while os.write(filler, bytes(size)):
                pass
        except OSError:
            pass

def full_before(function):
    @functools.wraps(function)
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left == 0:
            fill()
        return function(*arguments, **keywords)
    return call

os.chdir(folder)
if module:
    *owners, last = name.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, last, full_before(getattr(owner, last)))
sys.argv = ["train.py", *arguments]
sys.stderr = open(told, "w")
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as stop:
    sys.stderr.flush()
    os._exit(int(stop.code or 0))
"""


@pytest.fixture
def disk(plant) -> Iterator[Path]:
    """A folder whose outputs/ is a small disk of its own."""
    folder = plant("full")
    with small_disk(folder / "outputs", "1g"):
        yield folder


def train(folder: Path, arguments: list[str], moment: tuple[str, str, int]) -> tuple[int, str]:
    """Exit code and standard error of a sweep in a process of its own."""
    module, name, times = moment
    told = folder / "told.txt"
    values = {"folder": str(folder), "arguments": arguments, "module": module, "name": name,
              "times": times, "told": str(told),
              "script": str(ROOT / "scripts" / "train.py")}  # fmt: skip
    process = multiprocessing.get_context("forkserver").Process(target=exec, args=(DRIVER, values))
    process.start()
    process.join(timeout=300)
    assert process.exitcode is not None
    return process.exitcode, told.read_text()


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_sweep_goes_on_when_there_is_room_again(start, disk, undisturbed, same, sweep, moment):
    arguments = [*sweep, "data.source=photos.zip", "data.num_workers=0"]
    code, told = train(disk, arguments, moment)
    assert code == 2, told
    [sentence] = told.splitlines()
    assert sentence.startswith("error: ")
    assert "disk is full (" in sentence
    (disk / "outputs" / "filler").unlink()
    code, told = train(disk, arguments, ("", "", 0))
    assert code == 0, told
    assert same(disk, undisturbed)
    for name in ("leaderboard.csv", "models.zip", "report.html"):
        assert (disk / "outputs" / "exp" / name).stat().st_size
    states = {job["ending"] for job in read_json(disk / "outputs/exp/jobs.json")}
    assert states <= {"done", "skipped"}
