"""All that the page and the figures for Prometheus tell of a line, from its ledger and monitor."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from packsight.line.verdict import Verdict
from packsight.monitoring.drift import Monitor
from packsight.monitoring.shift import HOURS, Figures, Shift

SHOWN = 24  # packages on the page
READ = 500  # of the ledger's verdicts at once
FRESH_S = 0.5  # within which nothing is looked up again, however many look at the page


class Entry(Protocol):
    """A package in the ledger."""

    @property
    def id(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def late(self) -> bool: ...


class ReceiverState(Protocol):
    """How a receiver of verdicts stands."""

    @property
    def name(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def since(self) -> float | None: ...
    @property
    def pending(self) -> int: ...


class Ledger(Protocol):
    """What is asked of a ledger that was opened for reading."""

    def recent(self, count: int) -> Sequence[Entry]: ...
    def after(self, id: int, limit: int) -> Sequence[Entry]: ...
    def since(self, at: float) -> Iterator[Entry]: ...
    def receivers(self) -> Sequence[ReceiverState]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Totals:
    """Since the page was opened, and from the shift before that; they only grow."""

    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)  # by part


@dataclass(frozen=True)
class Overview:
    """The line at a time."""

    at: float
    entries: Sequence[Entry]  # the newest first
    shift: Figures
    totals: Totals
    receivers: Sequence[ReceiverState]
    queue: int  # packages and files that wait to be decided on
    problem: str  # why the service is not in order; "" if it is


class Line:
    """The running service, as it can be looked at from other threads."""

    def __init__(
        self,
        open_ledger: Callable[[], Ledger],
        monitor: Monitor,
        description: Mapping[str, Any],
        queue: Callable[[], int] = lambda: 0,
        problem: Callable[[], str] = lambda: "",
        hours: Sequence[int] = HOURS,
    ) -> None:
        """`open_ledger` is called in each thread that reads; `problem` is "" where nothing is."""
        self.open_ledger, self.monitor, self.description = open_ledger, monitor, description
        self._queue, self._problem = queue, problem
        self._shift, self._totals = Shift(hours), Totals()
        self._last: int | None = None
        self._lock = Lock()
        self._known: Overview | None = None

    def overview(self) -> Overview:
        """The line now. Raises what the ledger does where it cannot be read."""
        with self._lock:
            now = time.time()
            if self._known is None or not 0 <= now - self._known.at < FRESH_S:
                ledger = self.open_ledger()
                try:
                    self._follow(ledger, now)
                    entries, receivers = ledger.recent(SHOWN), ledger.receivers()
                finally:
                    ledger.close()
                self._known = Overview(
                    now, entries, self._shift.figures(now), self._totals, receivers,
                    self._queue(), self._problem(),
                )  # fmt: skip
            return self._known

    def _follow(self, ledger: Ledger, now: float) -> None:
        """Count what has come since."""
        if self._last is None:
            first = next(ledger.since(self._shift.start(now)), None)
            newest = ledger.recent(1)
            self._last = first.id - 1 if first else newest[0].id if newest else 0
        while entries := ledger.after(self._last, READ):
            for entry in entries:
                self._shift.add(entry.at, entry.verdict)
                self._totals.decisions[entry.verdict.decision] += 1
                self._totals.reasons[entry.verdict.reason] += 1
                self._totals.seconds.update(entry.verdict.seconds)
            self._last = entries[-1].id
