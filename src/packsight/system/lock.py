"""Locks between processes: an owner who shows signs of life, and is replaced when they stop."""

import _thread
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout
from rich.markup import escape

from packsight.system.console import console
from packsight.system.files import making_folder, writing

LEASE_S = 60.0  # an owner silent for longer is replaced; one that died on this machine, at once
POLL_S = 0.2
LEFT = b"left by a process that died\n"  # no owner's name: filelock replaces it after HEALED_S
HEALED_S = 3.0


class BusyError(RuntimeError):
    """Another process holds the lock, and waiting was not asked for."""


@contextmanager
def locked(path: Path, what: str, wait: bool = True) -> Iterator[SoftFileLease]:
    """Hold the lock file `path`, which tells its owner and is refreshed as long as that one lives.

    `what` names the work for whoever has to wait. Raises BusyError if another process holds the
    lock and `wait` is false, UserError where the system lets no lock be made. An owner that slept
    until it was replaced is interrupted. A lock file that is empty, damaged or of a kind that
    nobody refreshes is replaced too, once it has not changed for LEASE_S.
    """
    making_folder(path.parent)
    lease = SoftFileLease(
        path,
        lease_duration=LEASE_S,
        thread_local=False,
        on_compromise=lambda _: _thread.interrupt_main(),
    )
    seen = _seen(path)
    old = seen is not None and seen.size == 0 and time.time() - seen.changed / 1e9 > LEASE_S
    left = old and _leave(path, seen)
    if not _acquired(lease, path, HEALED_S if left else 0):
        if not wait:
            raise BusyError(f"{what} is in the hands of another process")
        told = f"waiting for another process: {what} (its lock: {path})"
        console.print(escape(told), soft_wrap=True)
        seen = _seen(path)
        while not _acquired(lease, path, LEASE_S + HEALED_S):
            seen, before = _seen(path), seen
            if seen == before:
                _leave(path, seen)
    try:
        yield lease
    finally:
        lease.release()


def _acquired(lease: SoftFileLease, path: Path, timeout: float) -> bool:
    try:
        with writing(path):
            lease.acquire(timeout=timeout, poll_interval=POLL_S)
    except LeaseSettingsMismatch:  # a damaged lock's, or another version's
        time.sleep(timeout)
    except Timeout:
        pass
    return lease.is_locked


class _Seen(NamedTuple):
    """A lock file as it was seen; one whose owner lives changes three times in a lease."""

    inode: int
    changed: int  # ns
    size: int


def _seen(path: Path) -> _Seen | None:
    with suppress(OSError):
        return _of(path.stat())
    return None


def _of(found: os.stat_result) -> _Seen:
    return _Seen(found.st_ino, found.st_mtime_ns, found.st_size)


def _leave(path: Path, seen: _Seen | None) -> bool:
    """Write into a lock file, if it is still as it was seen, that nobody owns it."""
    with suppress(OSError), path.open("r+b") as file:
        if _of(os.fstat(file.fileno())) == seen:
            file.truncate(0)
            file.write(LEFT)
            return True
    return False
