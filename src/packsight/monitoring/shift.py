"""What a shift has come to: packages by decision and reason, their rate, and how long they took."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from packsight.decision.terms import Action
from packsight.errors import UserError
from packsight.line.verdict import Verdict

HOURS = (6, 14, 22)  # of the day, at which shifts begin
TIMED = 10_000  # packages of a shift, at most, whose latency is kept
PERCENTILES = (50, 95, 99)


def check_hours(hours: Sequence[int]) -> tuple[int, ...]:
    """The hours at which shifts begin, in order. Raises UserError for what are none."""
    found = tuple(sorted({*hours}))
    if not found or found[0] < 0 or found[-1] > 23:
        raise UserError(f"shifts begin at {list(hours)}; give hours of the day from 0 to 23.")
    return found


def shift_start(at: float, hours: Sequence[int] = HOURS) -> float:
    """When the shift began that a time lies in, both in seconds since 1970; in local time."""
    day = time.localtime(at)
    starts = [
        time.mktime((day.tm_year, day.tm_mon, day.tm_mday + days, hour, 0, 0, 0, 0, -1))
        for days in (-1, 0)
        for hour in hours
    ]
    return max(start for start in starts if start <= at)


@dataclass(frozen=True)
class Figures:
    """Of a shift so far."""

    since: float
    packages: int
    decisions: dict[str, int]
    reasons: dict[str, int]
    per_hour: float  # over the time from the shift's first package to its last
    latency: dict[int, float]  # seconds from file to decision, by percentile; none without packages


class Shift:
    """Counts packages as they come, and begins anew with each shift."""

    def __init__(self, hours: Sequence[int] = HOURS) -> None:
        self._hours = check_hours(hours)
        self._start = 0.0
        self._begin(0.0)

    def _begin(self, start: float) -> None:
        self._start = start
        self._decisions: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._times: deque[float] = deque(maxlen=TIMED)
        self._first = self._last = 0.0

    def start(self, now: float) -> float:
        """When the shift of this time began."""
        return shift_start(now, self._hours)

    def add(self, at: float, verdict: Verdict) -> None:
        """Count a package that was decided on at this time."""
        start = self.start(at) if not self._start <= at < self._start + 3600 else self._start
        if start > self._start:
            self._begin(start)
        elif at < self._start:
            return  # a clock that was put back: of the shift before
        self._first = self._first or at
        self._last = at
        self._decisions[verdict.decision] += 1
        self._reasons[verdict.reason] += 1
        if verdict.seconds:
            self._times.append(sum(verdict.seconds.values()))

    def figures(self, now: float) -> Figures:
        """The shift of this time; one that has no package yet begins with none."""
        start = self.start(now)
        if start > self._start:
            self._begin(start)
        packages = self._decisions.total()
        hours = (self._last - self._first) / 3600
        times = list(self._times)
        taken = np.percentile(times, PERCENTILES).tolist() if times else []
        return Figures(
            start,
            packages,
            {action.value: self._decisions[action.value] for action in Action},
            dict(self._reasons),
            (packages - 1) / hours if hours > 0 else 0.0,
            dict(zip(PERCENTILES, taken, strict=False)),
        )
