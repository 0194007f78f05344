"""A training that a launcher starts, as its users start it: it trains as `trainer=ddp` does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from packsight.system.files import read_json

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.sweeps
TRAIN = str(ROOT / "scripts" / "train.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
DDP = ["name=exp", "trainer=ddp", "trainer.accelerator=cpu", "callbacks.progress=null"]
# One process each, whatever else they tell.
CLUSTER = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4",
           "SLURM_PROCID": "0", "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0",
           "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "1", "LSB_JOBID": "1",
           "JSM_NAMESPACE_SIZE": "1"}  # fmt: skip


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def the_run(folder: Path) -> Path:
    [status] = folder.glob("outputs/exp/**/status.json")
    return status.parent


@pytest.fixture(scope="module")
def spawned(plant, ended, small) -> pd.DataFrame:
    """The history of the same training without a launcher."""
    folder = plant("spawned")
    assert ended(folder, [*small, *DDP]) == 0
    return pd.read_csv(the_run(folder) / "history.csv")


def test_torchrun_trains_one_run_of_raw_images(plant, small, spawned):
    folder = plant("torchrun")
    done = run(folder, *TORCHRUN, TRAIN, *small, *DDP, "data.source=photos.zip")
    assert done.returncode == 0, done.stderr
    assert read_json(the_run(folder) / "status.json")["state"] == "done"
    assert done.stdout.count("prepared: outputs/data/photos") == 1
    assert "waiting for another process" not in done.stdout
    pd.testing.assert_frame_equal(pd.read_csv(the_run(folder) / "history.csv"), spawned)
    again = run(folder, *TORCHRUN, TRAIN, *small, *DDP)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("done already") == 1


@pytest.mark.parametrize(
    ("stage", "arguments", "said"),
    [
        ("train", ["trainer=cpu"], "use trainer=ddp trainer.devices=2"),
        ("train", ["trainer=ddp", "trainer.devices=3"], "use trainer=ddp trainer.devices=2"),
        ("train", ["trainer=ddp", "perspective=front"], "front"),
        ("evaluate", ["run=nowhere"], "start it without torchrun"),
    ],
    ids=str,
)
def test_what_torchrun_cannot_have_is_refused_by_every_process(tmp_path, stage, arguments, said):
    script = str(ROOT / "scripts" / f"{stage}.py")
    done = run(tmp_path, *TORCHRUN, script, *arguments)
    assert done.returncode == 1  # torchrun's own, of processes that fail
    assert said in done.stderr
    assert "exitcode  : 2" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_torchrun_that_is_stopped_leaves_an_interrupted_run_that_goes_on(plant, small):
    folder = plant("stopped")
    command = [*TORCHRUN, TRAIN, *small, *DDP, "trainer.max_epochs=20"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not [*folder.glob("outputs/exp/**/last.ckpt")] and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert read_json(the_run(folder) / "status.json")["state"] == "interrupted"
    assert run(folder, *command).returncode == 0
    status = read_json(the_run(folder) / "status.json")
    assert (status["state"], status["resumed"]) == ("done", 1)
    assert len(pd.read_csv(the_run(folder) / "history.csv")) == 20


def test_the_command_starts_processes_as_the_script_does(plant, small, spawned):
    folder = plant("command")
    done = run(folder, sys.executable, "-m", "packsight", "train", *small, *DDP)
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(pd.read_csv(the_run(folder) / "history.csv"), spawned)


@pytest.mark.parametrize("trainer", ["cpu", "ddp"])
def test_a_clusters_variables_change_no_training_of_one_process(plant, small, trainer, spawned):
    folder = plant(f"cluster-{trainer}")
    options = [*small, *DDP, f"trainer={trainer}", "trainer.accelerator=cpu"]
    done = run(folder, sys.executable, TRAIN, *options, **CLUSTER)
    assert done.returncode == 0, done.stderr
    assert "srun" not in done.stderr
    assert read_json(the_run(folder) / "status.json")["state"] == "done"
    if trainer == "ddp":
        pd.testing.assert_frame_equal(pd.read_csv(the_run(folder) / "history.csv"), spawned)
