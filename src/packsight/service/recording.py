"""Changes of the ledger that are made in the end, however long its disk is full."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

FIRST_S, LONGEST_S = 0.5, 30.0  # between two attempts
T = TypeVar("T")
log = logging.getLogger("packsight.watch")


class StoppedError(Exception):
    """The watch is to end before something could be recorded."""


class Recorder:
    def __init__(self, stopping: threading.Event) -> None:
        self.problem = ""  # why nothing can be recorded
        self._stopping = stopping

    def __call__(self, change: Callable[[], T]) -> T:
        """Make a change, again until it succeeds. Raises StoppedError."""
        rest = FIRST_S
        while True:
            try:
                done = change()
            except sqlite3.OperationalError as error:
                if not self.problem:
                    log.error("nothing can be recorded (%s): packages wait until it can", error)
                self.problem = f"nothing can be recorded ({error})"
                if self._stopping.wait(rest):
                    raise StoppedError from error
                rest = min(2 * rest, LONGEST_S)
            else:
                if self.problem:
                    log.info("the ledger can be written again")
                    self.problem = ""
                return done
