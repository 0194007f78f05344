"""A sweep in several processes that is stopped or killed leaves none of them, and goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from packsight.system.files import read_json

pytestmark = pytest.mark.sweeps
TRAIN = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
EPOCHS = 30


def alive(session: int) -> list[int]:
    """The processes of a session, without those that are dead and not yet waited for."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(file.parent.name))
    return found


def until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are looked up there")
@pytest.mark.parametrize("whole", [False, True], ids=["parent", "all"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_joblib_sweep(plant, small, number, whole):
    """`whole` tells all of its processes, as a terminal does with Ctrl-C."""
    if whole and number != signal.SIGINT:
        pytest.skip("a terminal sends SIGINT alone")
    folder = plant(f"stopped-{number.name}")
    joblib = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1,2"]
    options = ["name=exp", *small, f"trainer.max_epochs={EPOCHS}", "callbacks.progress=null"]
    command = [sys.executable, str(TRAIN), *joblib, *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    sweep = subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert until(lambda: len([*folder.glob("outputs/exp/**/last.ckpt")]) >= 2, 180)
    (os.killpg if whole else os.kill)(sweep.pid, number)
    assert sweep.wait(timeout=60) == (-number if number == signal.SIGKILL else 130)
    assert until(lambda: not alive(sweep.pid), 20)
    statuses = [*folder.glob("outputs/exp/**/status.json")]
    assert {read_json(file)["state"] for file in statuses} == {"interrupted"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    states = [read_json(file) for file in folder.glob("outputs/exp/**/status.json")]
    assert [status["state"] for status in states] == ["done"] * 3
    assert sum(status["resumed"] for status in states) == len(statuses)
    for history in folder.glob("outputs/exp/**/history.csv"):
        assert pd.read_csv(history)["epoch"].tolist() == [*range(EPOCHS)]
