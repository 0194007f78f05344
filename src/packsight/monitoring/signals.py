"""One signal of the line over its last packages, against what it was."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from packsight.monitoring.two_samples import (
    index_critical,
    ks_critical,
    ks_distance,
    rank_critical,
    rank_score,
    share_critical,
    stability_index,
)

SHORT, LONG = 40, 120  # packages of the two windows
KEPT = 2 * LONG  # packages in which a change is dated
SETTLE = 300  # first packages of a line that are its own reference
TESTS = 5  # of a signal: Kolmogorov-Smirnov and ranks over both windows, the index over the long
SHARE_TESTS = 2
QUANTILES = (0.1, 0.5, 0.9)
OUTSIDE = 0.05  # share of validation at each end, that a changed line's middle is in or beyond


@dataclass(frozen=True)
class Change:
    """What a signal was and is: medians, or shares."""

    before: float
    now: float
    index: float | None = None  # population stability index over the long window


class Values:
    """A measure of packages. Without a reference its own first packages become that."""

    tests = TESTS

    def __init__(
        self, reference: Sequence[float] | None, least: float, relative: bool, batches: bool
    ) -> None:
        """`least` is the change of a quantile that matters, maybe relative to the usual median.

        With `batches` packages of one kind follow each other, which differ from others in this.
        """
        self.least, self.relative, self._batches = least, relative, batches
        self._draw = np.random.default_rng(0)
        self._first: list[float] = []
        self._sorted: list[float] = []
        self._values: deque[float] = deque(maxlen=KEPT)
        self._ranks: deque[int] = deque(maxlen=KEPT)
        self._times: deque[float] = deque(maxlen=KEPT)
        if reference is not None:
            self._settle(reference)

    def _settle(self, reference: Sequence[float]) -> None:
        self._sorted = sorted(reference)
        self._ties = self._draw.random(len(self._sorted))

    @property
    def watched(self) -> bool:
        """Whether there is something to compare with."""
        return bool(self._sorted)

    def add(self, at: float, value: float) -> None:
        """A package's value, at a time in seconds."""
        if not self.watched:
            self._first.append(value)
            if len(self._first) == SETTLE:
                self._settle(self._first)
            return
        low, high = bisect_left(self._sorted, value), bisect_right(self._sorted, value)
        if low < high:  # as if no two values were alike: levels hold for counted values too
            low += int((self._ties[low:high] < self._draw.random()).sum())
        self._values.append(value)
        self._ranks.append(low)
        self._times.append(at)

    def beyond(self, level: float, ease: float = 1.0) -> bool:
        """Whether a test of a full window has at most this chance, and the change matters.

        `ease` above 1 takes changes so many times smaller for ones that matter.
        """
        size = len(self._sorted)
        for length in (SHORT, LONG):
            if not size or len(self._ranks) < length:
                continue
            counts = self._counts(length)
            apart = ks_distance(counts) >= ks_critical(size, length, level)
            apart |= abs(rank_score(counts)) >= rank_critical(level)
            if length == LONG:
                apart |= stability_index(counts) >= index_critical(size, length, level)
            if apart and self._matters(length, ease):
                return True
        return False

    def _matters(self, length: int, ease: float) -> bool:
        least = self.least * (abs(float(np.median(self._sorted))) if self.relative else 1.0)
        if abs(self.moved(length)) < least / ease:
            return False
        if not self._batches:
            return True
        # A batch of one kind of package lies anywhere among those of validation, but not beyond.
        middle = np.median(list(self._values)[-length:])
        low, high = np.quantile(self._sorted, (OUTSIDE * ease, 1 - OUTSIDE * ease))
        return bool(middle < low or middle > high)

    def moved(self, length: int = SHORT) -> float:
        """The largest change of a quantile, with its sign, in the signal's unit."""
        now = np.quantile(list(self._values)[-length:], QUANTILES)
        changes = now - np.quantile(self._sorted, QUANTILES)
        return float(changes[np.argmax(abs(changes))])

    def change(self) -> Change | None:
        """From the reference to the last packages; None before there are enough."""
        if not self.watched or len(self._values) < SHORT:
            return None
        full = len(self._ranks) >= LONG
        index = float(stability_index(self._counts(LONG))) if full else None
        now = float(np.median(list(self._values)[-SHORT:]))
        return Change(float(np.median(self._sorted)), now, index)

    def began(self) -> float:
        """The time of the first package of the change that goes on."""
        ranks = np.array(self._ranks) / max(len(self._sorted), 1)
        if abs(float(np.median(ranks[-SHORT // 2 :])) - 0.5) < 0.25:
            # The middle stayed: the change is one of spread.
            spread = abs(ranks - 0.5)
            return self._times[change_point(spread, 0.25, spread[-SHORT // 2 :].mean())]
        values = np.array(self._values)
        before, now = float(np.median(self._sorted)), float(np.median(values[-SHORT // 2 :]))
        between = values.clip(min(before, now), max(before, now))  # one package counts for little
        return self._times[change_point(between, before, now)]

    def _counts(self, length: int) -> np.ndarray:
        ranks = np.fromiter(self._ranks, int, len(self._ranks))[-length:]
        return np.bincount(ranks, minlength=len(self._sorted) + 1)


class Shares:
    """Something that packages have or have not, whose share must not rise."""

    tests = SHARE_TESTS

    def __init__(self, hits: int | None, packages: int = 0) -> None:
        """The reference's count; None: its own first packages become that."""
        self._hits, self._packages = hits or 0, packages
        self._settling = hits is None
        self._values: deque[bool] = deque(maxlen=KEPT)
        self._times: deque[float] = deque(maxlen=KEPT)

    @property
    def watched(self) -> bool:
        return not self._settling and self._packages > 0

    def add(self, at: float, value: float) -> None:
        if self._settling:
            self._hits, self._packages = self._hits + bool(value), self._packages + 1
            self._settling = self._packages < SETTLE
            return
        self._values.append(bool(value))
        self._times.append(at)

    def beyond(self, level: float, ease: float = 1.0) -> bool:
        """Whether Fisher's exact test of a full window has at most this chance."""
        values = list(self._values)
        return self.watched and any(
            sum(values[-length:]) >= share_critical(self._hits, self._packages, length, level)
            for length in (SHORT, LONG)
            if len(values) >= length
        )

    def moved(self) -> float:
        return 1.0

    def change(self) -> Change | None:
        if not self.watched or len(self._values) < SHORT:
            return None
        now = float(np.mean(list(self._values)[-SHORT:]))
        return Change(self._hits / self._packages, now)

    def began(self) -> float:
        values = np.array(self._values, dtype=float)
        now = values[-SHORT // 2 :].mean()
        return self._times[change_point(values, self._hits / self._packages, now)]


def change_point(values: np.ndarray, before: float, now: float) -> int:
    """The first value after a change of the mean: where a cumulative sum was lowest (Page 1954)."""
    sums = np.cumsum((values - (before + now) / 2) * np.sign(now - before))
    return min(int(np.argmin(np.concatenate([[0.0], sums]))), len(values) - 1)
