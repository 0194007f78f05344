"""Worker processes end with the one that started them, and leave runs that can go on."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

POLL_S = 0.2
GRACE_S = 5.0  # what an interrupted run has to write how far it came
WORKERS = "LokyProcess"  # what joblib calls its own
STOPS = (signal.SIGINT, signal.SIGTERM)
Result = TypeVar("Result")


class _Worker:
    """What this process is asked for, if it is a worker."""

    begun = False
    at_work = False
    stopped = False


def end_with_parent(busy: Callable[[], bool] = lambda: True) -> None:
    """Have this process interrupted when the one that started it dies, however that happens.

    It has GRACE_S to end by itself, if it is `busy` so long.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)
        dead = time.monotonic()
        while busy() and time.monotonic() - dead < GRACE_S:
            time.sleep(POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def in_worker(work: Callable[[], Result]) -> Result | None:
    """What `work` comes to in a worker process; None once SIGTERM has told it to stop.

    It then stays, with nothing to do, for one that ended would have joblib kill the others in the
    middle of what they write. SIGINT, which a terminal sends to all, is its parent's matter.
    """
    if not _Worker.begun:
        _Worker.begun = True
        end_with_parent(lambda: _Worker.at_work)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _stop)
    if _Worker.stopped:
        return None
    _Worker.at_work = True
    try:
        return work()
    except KeyboardInterrupt:
        _Worker.stopped = True
        return None
    finally:
        _Worker.at_work = False


def _stop(number: int, frame: Any) -> None:
    first, _Worker.stopped = not _Worker.stopped, True
    if first and _Worker.at_work:
        raise KeyboardInterrupt


@contextmanager
def stopping_workers() -> Iterator[None]:
    """SIGINT or SIGTERM stops the workers first, and then raises KeyboardInterrupt; twice, at once.

    Where there are none it raises at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def stop(number: int, frame: Any) -> None:
        nonlocal asked
        children = multiprocessing.active_children()
        workers = [child.pid for child in children if child.name.startswith(WORKERS)]
        again, asked = asked, True
        if again or not workers:
            raise KeyboardInterrupt
        for worker in filter(None, workers):
            os.kill(worker, signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in STOPS}
    try:
        yield
    except Exception:
        if not asked:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        _end_workers()
        raise KeyboardInterrupt


def _end_workers() -> None:
    """End joblib's workers, which have nothing to do any more, without waiting for them."""
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor().shutdown(kill_workers=True)
