import multiprocessing
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from packsight.errors import UserError
from packsight.system import lock
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


def lock_of(**fields: object) -> str:
    signed = {"pid": os.getpid(), "host": socket.gethostname(), "mode": "lease", "token": "0" * 32,
              "duration": 60.0} | fields  # fmt: skip
    return "filelock/2\n" + "".join(f"{key}={value}\n" for key, value in signed.items())


LEFT = {
    "empty": "",
    "cut": lock_of()[:15],
    "no text": "\xff\x00\x07",
    "of another kind": lock_of(mode="leasf", host="elsewhere"),
    "of another duration": lock_of(duration=61.0, host="elsewhere"),
    "of another machine": lock_of(host="elsewhere"),
    "of an old version": "123\nelsewhere\n",
}


def test_locks_that_nobody_refreshes_are_replaced_after_the_lease(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock, "LEASE_S", 1.0)
    monkeypatch.setattr(lock, "HEALED_S", 2.5)

    def take(name: str) -> float:
        path = tmp_path / name
        path.write_text(LEFT[name], encoding="latin-1")
        started = time.monotonic()
        with locked(path, "work"):
            assert str(os.getpid()) in path.read_text()
        return time.monotonic() - started

    with ThreadPoolExecutor(len(LEFT)) as pool:
        assert max(pool.map(take, LEFT)) < 20
    assert f"waiting for another process: work (its lock: {tmp_path / 'empty'})" in (
        capsys.readouterr().out
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wait", [False, True])
def test_an_empty_lock_from_earlier_is_replaced_at_once(tmp_path, wait):
    path = tmp_path / "a.lock"
    path.touch()
    os.utime(path, (1e9, 1e9))
    started = time.monotonic()
    with locked(path, "work", wait=wait):
        assert time.monotonic() - started < 10
        assert str(os.getpid()) in path.read_text()
    assert not list(tmp_path.iterdir())


def test_an_empty_lock_of_now_is_an_owner_about_to_sign(tmp_path):
    (tmp_path / "a.lock").touch()
    with pytest.raises(BusyError):
        locked(tmp_path / "a.lock", "work", wait=False).__enter__()
    assert (tmp_path / "a.lock").read_bytes() == b""


def test_a_living_owner_keeps_its_lock_however_long_another_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "LEASE_S", 1.0)
    monkeypatch.setattr(lock, "HEALED_S", 0.1)
    context = multiprocessing.get_context("fork")
    held, ended = context.Event(), context.Event()

    def own() -> None:
        with locked(tmp_path / "a.lock", "work"):
            held.set()
            time.sleep(4)
            ended.set()

    process = context.Process(target=own)
    process.start()
    assert held.wait(30)
    with locked(tmp_path / "a.lock", "work"):
        assert ended.is_set()
    process.join(30)
    assert process.exitcode == 0


def test_where_no_lock_can_be_it_is_told(tmp_path):
    (tmp_path / "folder.lock").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder.lock", tmp_path / "file" / "a.lock"):
        with pytest.raises(UserError, match="cannot be written"):
            locked(path, "work").__enter__()
