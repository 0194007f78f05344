import json
import os
import signal

import pytest
import torch
from complete_config import complete

from packsight.configuration.stored import read_config
from packsight.errors import UserError
from packsight.runs import state
from packsight.runs.checkpoints import NEEDED
from packsight.runs.state import is_done, recorded
from packsight.system.lock import BusyError, locked


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def status(folder):
    return json.loads((folder / "status.json").read_text())


def checkpoint(folder):
    """What a training would have saved by now."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    torch.save({key: {} for key in NEEDED}, folder / "checkpoints/last.ckpt")


def fail(folder, *files):
    """A run that fails after it saved a checkpoint and these files."""
    with recorded(folder, complete({}), wait=True):
        checkpoint(folder)
        for file in files:
            (folder / file).write_text("old")
        raise RuntimeError("out of memory")


def test_a_run_records_its_states(folder):
    with recorded(folder, complete({"seed": 0}), wait=True) as attempt:
        assert attempt.checkpoint is None
        assert status(folder)["state"] == "running"
        assert not is_done(folder, complete({"seed": 0}))
    assert status(folder)["state"] == "done"
    assert is_done(folder, complete({"seed": 0}))
    assert not is_done(folder, complete({"seed": 1}))
    assert read_config(folder).seed == 0
    assert "torch" in json.loads((folder / "environment.json").read_text())["versions"]


def test_a_failed_run_keeps_its_error_and_is_tried_again_from_its_checkpoint(folder):
    with pytest.raises(RuntimeError):
        fail(folder)
    assert status(folder)["state"] == "failed"
    assert status(folder)["error"] == "RuntimeError: out of memory"
    assert "Traceback" in status(folder)["traceback"]
    with recorded(folder, complete({}), wait=True) as attempt:
        assert attempt.checkpoint == folder / "checkpoints/last.ckpt"
    assert status(folder)["resumed"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts_a_run(folder, number):
    with pytest.raises(KeyboardInterrupt), recorded(folder, complete({}), wait=True):
        os.kill(os.getpid(), number)
    assert status(folder)["state"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_finished_run_is_left_alone(folder):
    with recorded(folder, complete({}), wait=True):
        pass
    before = (folder / "status.json").stat().st_mtime_ns
    with recorded(folder, complete({}), wait=True) as attempt:
        assert attempt.done
    assert (folder / "status.json").stat().st_mtime_ns == before


def test_what_cannot_be_gone_on_from_is_cleared(folder, capsys):
    with pytest.raises(RuntimeError):
        fail(folder, "history.csv")
    (folder / "checkpoints/last.ckpt").write_bytes(b"half of it")
    with recorded(folder, complete({}), wait=True) as attempt:
        assert attempt.checkpoint is None
        assert not (folder / "history.csv").exists()
        assert (folder / "checkpoints/last.damaged.ckpt").read_bytes() == b"half of it"
    assert "starts again" in capsys.readouterr().err


def test_another_runs_checkpoint_is_not_gone_on_from(folder, capsys):
    with pytest.raises(RuntimeError):
        fail(folder)
    other = {key: {} for key in NEEDED} | {"config": complete({"seed": 7})}
    torch.save(other, folder / "checkpoints/last.ckpt")
    with recorded(folder, complete({}), wait=True) as attempt:
        assert attempt.checkpoint is None
    assert "is another run's" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"state": 3}', '{"state": "done", '])
def test_a_run_without_its_status_goes_on_from_its_checkpoint(folder, content):
    with pytest.raises(RuntimeError):
        fail(folder, "history.csv")
    file = folder / "status.json"
    file.unlink() if content is None else file.write_text(content)
    assert not is_done(folder, complete({}))
    with recorded(folder, complete({}), wait=True) as attempt:
        assert attempt.checkpoint == folder / "checkpoints/last.ckpt"
        assert (folder / "history.csv").exists()
    assert status(folder)["state"] == "done"


def test_a_status_that_cannot_be_written_does_not_hide_what_went_wrong(folder, monkeypatch):
    def full(*_):
        raise UserError("the disk is full")

    def go_wrong():
        with recorded(folder, complete({}), wait=True):
            monkeypatch.setattr(state, "write_json", full)
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        go_wrong()


def test_another_configuration_that_may_overwrite_starts_from_nothing(folder):
    with recorded(folder, complete({"seed": 0}), wait=True):
        checkpoint(folder)
    with recorded(folder, complete({"seed": 1}), wait=True) as attempt:
        assert attempt.checkpoint is None
        assert not (folder / "checkpoints").exists()


def test_half_written_files_of_a_killed_process_are_removed(folder):
    with pytest.raises(RuntimeError):
        fail(folder, "checkpoints/.123.best.ckpt")
    with recorded(folder, complete({}), wait=True):
        assert [file.name for file in (folder / "checkpoints").iterdir()] == ["last.ckpt"]


def test_a_run_in_other_hands_is_not_touched(folder):
    with (
        locked(folder.with_name(".run.lock"), "the run"),
        pytest.raises(BusyError),
        recorded(folder, complete({}), wait=False),
    ):
        pass
    assert not folder.exists()
