import os
import socket
import time
from pathlib import Path

import pytest

from packsight.diagnosis.cleaning import clean
from packsight.diagnosis.finding import Kind
from packsight.diagnosis.leftovers import find_leftovers
from packsight.system.files import write_json
from packsight.system.lock import locked

NOBODY = 2**22 + 1  # above any process's number


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    for place in (path, *path.rglob("*")):
        os.utime(place, (then, then))
    return path


def file(path: Path, text: str = "x", seconds: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return aged(path, seconds)


def folder(path: Path, seconds: float = 0) -> Path:
    file(path / "image.png")
    return aged(path, seconds)


def lock_of(pid: int, host: str) -> str:
    token = "token=" + "0" * 32
    return f"filelock/2\npid={pid}\nhost={host}\nmode=lease\n{token}\nduration=60.0\n"


@pytest.fixture
def outputs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / "outputs"


def found(outputs: Path) -> dict[str, Kind]:
    return {Path(item.path).name: item.kind for item in find_leftovers(outputs)}


def cleaned(outputs: Path) -> None:
    for item in list(find_leftovers(outputs)):
        assert clean(item).cleaned == item.cleanable


def test_where_there_is_nothing_nothing_is_found(outputs):
    assert found(outputs) == {}


def test_locks_whose_process_is_gone_are_removed_and_others_stay(outputs):
    here = socket.gethostname()
    file(outputs / "exp/.dead.lock", lock_of(NOBODY, here))
    file(outputs / "exp/.silent.lock", lock_of(NOBODY, "another"), 1000)
    file(outputs / "cache/0123456789abcdef.lock", "", 100)
    file(outputs / "exp/.another.lock", lock_of(NOBODY, "another"))
    file(outputs / "exp/.young.lock", "")
    file(outputs / "exp/poetry.lock", "no lock", 10_000)
    file(outputs / "cache/.lock", "", 10_000)
    with locked(outputs / "exp/.held.lock", "work"):
        names = {".dead.lock", ".silent.lock", "0123456789abcdef.lock"}
        assert found(outputs) == dict.fromkeys(names, Kind.LOCK)
        cleaned(outputs)
        assert found(outputs) == {}
        left = {".another.lock", ".young.lock", ".held.lock", "poetry.lock", ".lock"}
        assert {path.name for path in outputs.rglob("*.lock")} | {".lock"} == left


def test_another_machines_lock_is_left_for_a_while(outputs):
    """Its clock may be another; who needs the lock waits and sees."""
    file(outputs / "exp/.silent.lock", lock_of(NOBODY, "another"), 100)
    [item] = find_leftovers(outputs)
    item = clean(item)
    assert not item.cleaned
    assert item.told.startswith("could not be removed")
    assert (outputs / "exp/.silent.lock").is_file()


def test_what_was_half_written_is_removed_and_what_may_be_in_use_stays(outputs):
    run = outputs / "exp/run/checkpoints"
    file(run / f".{NOBODY}.best.ckpt", seconds=1000)
    file(run / f".{NOBODY}.last.ckpt")
    file(run / f".{os.getpid()}.other.ckpt", seconds=1000)
    file(run / ".hidden", seconds=1000)
    folder(outputs / "data/.line7.a1b2c3d4", seconds=1000)
    folder(outputs / "data/.line8.a1b2c3d4")
    folder(outputs / "exp/.mine.a1b2c3d4", seconds=1000)
    folder(outputs / "cache/.0123456789abcdef.a1b2c3_4", seconds=1000)
    gone = {f".{NOBODY}.best.ckpt", ".line7.a1b2c3d4", ".0123456789abcdef.a1b2c3_4"}
    assert found(outputs) == dict.fromkeys(gone, Kind.TEMPORARY)
    before = {path.name for path in outputs.rglob("*")}
    cleaned(outputs)
    assert before - {path.name for path in outputs.rglob("*")} == gone


def test_what_may_be_somebodys_data_is_told_and_stays(outputs, tmp_path):
    old = folder(outputs / "data/.line7.a1b2c3d4.old", seconds=1000)
    left = folder(tmp_path / "packsight-x", seconds=100_000)
    folder(tmp_path / "packsight-y")
    assert found(outputs) == dict.fromkeys([old.name, left.name], Kind.SET_ASIDE)
    assert "rename it to line7" in next(find_leftovers(outputs)).told
    cleaned(outputs)
    assert (old / "image.png").is_file()
    assert (left / "image.png").is_file()


def test_a_run_that_says_it_is_running_and_has_no_process_is_told(outputs):
    run = outputs / "exp/data/resnet18/side/fp32/split_seed0"
    write_json(run / "status.json", {"state": "running"})
    write_json(run.with_name("split_seed1") / "status.json", {"state": "done"})
    file(run.with_name("split_seed2") / "status.json", "damaged")
    assert found(outputs) == {"split_seed0": Kind.RUNNING}
    with locked(run.with_name(".split_seed0.lock"), "the run"):
        assert found(outputs) == {}
    cleaned(outputs)
    assert (run / "status.json").is_file()
