"""Locks between processes: an owner who shows signs of life, and is replaced when they stop."""

import _thread
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLease, Timeout
from rich.markup import escape

from packsight.system.console import console

LEASE_S = 60.0  # an owner silent for longer is replaced; one that died on this machine, at once
POLL_S = 0.2


class BusyError(RuntimeError):
    """Another process holds the lock, and waiting was not asked for."""


@contextmanager
def locked(path: Path, what: str, wait: bool = True) -> Iterator[SoftFileLease]:
    """Hold the lock file `path`, which tells its owner and is refreshed as long as that one lives.

    `what` names the work for whoever has to wait. Raises BusyError if another process holds the
    lock and `wait` is false. An owner that slept until it was replaced is interrupted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lease = SoftFileLease(
        path,
        lease_duration=LEASE_S,
        thread_local=False,
        on_compromise=lambda _: _thread.interrupt_main(),
    )
    try:
        lease.acquire(timeout=0)
    except Timeout as other:
        if not wait:
            raise BusyError(f"{what} is in the hands of another process") from other
        console.print(f"waiting for another process: {escape(what)}", soft_wrap=True)
        lease.acquire(poll_interval=POLL_S)
    try:
        yield lease
    finally:
        lease.release()
