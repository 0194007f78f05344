import multiprocessing
import os
import signal
import time

import pytest

from packsight.system.lock import BusyError, locked


def hold(path, held):
    with locked(path, "work"):
        held.set()
        time.sleep(60)


@pytest.fixture
def owner(tmp_path):
    """A process that holds the lock."""
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "a.lock", held))
    process.start()
    assert held.wait(30)
    yield process
    process.kill()
    process.join()


def test_only_one_process_holds_it(owner, tmp_path):
    with pytest.raises(BusyError, match="work is in the hands of another"):
        locked(tmp_path / "a.lock", "work", wait=False).__enter__()
    assert str(owner.pid) in (tmp_path / "a.lock").read_text()


def test_a_killed_owner_is_replaced(owner, tmp_path, capsys):
    os.kill(owner.pid, signal.SIGKILL)
    owner.join()
    with locked(tmp_path / "a.lock", "work") as lease:
        assert lease.is_locked
        assert str(os.getpid()) in (tmp_path / "a.lock").read_text()


def test_it_is_gone_afterwards_also_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), locked(tmp_path / "new" / "a.lock", "work"):
        raise RuntimeError
    assert list((tmp_path / "new").iterdir()) == []
