"""Verdicts on their way to receivers: each has a thread of its own, that works from the ledger."""

import logging
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

from packsight.ledger.ledger import Ledger
from packsight.receivers.receiver import Receiver

BATCH = 100  # verdicts read from the ledger at once
FIRST_S, LONGEST_S = 1.0, 60.0  # between two attempts in vain
IDLE_S = 1.0
SAVE_S = 0.1  # between two notes of what was acknowledged; a kill has the rest sent again
log = logging.getLogger("packsight.watch")


class Delivery(threading.Thread):
    """Sends what a receiver has not acknowledged, in order, and again until it does."""

    def __init__(self, receiver: Receiver, ledger: Path, first: float = FIRST_S) -> None:
        super().__init__(name=receiver.name, daemon=True)
        self._receiver, self._path, self._first = receiver, ledger, first
        self._news, self._ending = threading.Event(), threading.Event()
        self._failing_since: float | None = None

    def tell(self) -> None:
        """There are new verdicts."""
        self._news.set()

    def end(self) -> None:
        """Send what is there, and stop; at once where the receiver does not answer."""
        self._ending.set()
        self._news.set()

    def run(self) -> None:
        ledger = None
        rest = self._first
        while True:
            ending = self._ending.is_set()
            self._news.clear()
            try:
                if ledger is None:
                    opened = Ledger(self._path)
                    self._receiver.begin(opened)
                    ledger = opened
                sent = self._send(ledger)
            except Exception as error:  # of whatever library: no receiver may stop the line
                self._failed(ledger, error)
                if ending:
                    break
                self._ending.wait(rest)
                rest = min(2 * rest, LONGEST_S)
                continue
            rest = self._first
            if sent < BATCH:
                if ending:
                    break
                self._news.wait(IDLE_S)
        self._receiver.close()
        if ledger:
            ledger.close()

    def _send(self, ledger: Ledger) -> int:
        """How many verdicts were sent and acknowledged."""
        entries = ledger.unsent(self._receiver.name, BATCH)
        if not entries:
            return 0
        reached, told = 0, time.monotonic()
        try:
            for id in self._receiver.deliver(entries):
                reached = id
                if time.monotonic() - told > SAVE_S:
                    ledger.acknowledge(self._receiver.name, reached)
                    told = time.monotonic()
        finally:
            if reached:
                ledger.acknowledge(self._receiver.name, reached)
        self._succeeded(ledger)
        return len(entries)

    def _succeeded(self, ledger: Ledger) -> None:
        if self._failing_since is not None:
            lasted = time.monotonic() - self._failing_since
            waiting = ledger.pending()[self._receiver.name]
            log.info("%s takes verdicts again, after %.0f s; %d wait", self.name, lasted, waiting)
            self._failing_since = None

    def _failed(self, ledger: Ledger | None, error: Exception) -> None:
        why = str(error) or type(error).__name__
        waiting = "its"
        with suppress(sqlite3.Error):  # the ledger's own disk may be what is full
            if ledger:
                ledger.failed(self._receiver.name, why)
                waiting = str(ledger.pending()[self._receiver.name])
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            log.warning(
                "%s does not take verdicts (%s); %s verdicts are kept and sent again until it does",
                self.name, why, waiting,
            )  # fmt: skip
