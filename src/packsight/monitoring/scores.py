"""Scores of a line against those of validation, whose intact and damaged packages are known.

A line is a mixture of both, in shares of its own. What holds of any mixture, and what holds of one
with few damaged packages, is tested exactly, with the noise of few packages of validation in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from packsight.monitoring.expected import ALLOWED, Last
from packsight.monitoring.signals import LONG, SHORT, Change
from packsight.monitoring.two_samples import few_damaged, ks_critical, share_critical

# Chosen before any score is seen, so that the tests between them are exact.
CUTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
FIRSTS, LASTS = np.triu_indices(len(CUTS) - 1)  # bins of all intervals between two of them
WHOLE = np.equal(LASTS - FIRSTS, len(CUTS) - 2)
SHARES = np.linspace(0, 1, 21)  # among which the best-fitting one is searched
POINTS = 201  # of the score, at which distribution functions are compared


@dataclass(frozen=True)
class Known:
    """Scores of validation packages of both labels, and the share of damaged ones expected."""

    intact: Sequence[float]
    damaged: Sequence[float]
    share: float | None = None


class Scores(Last):
    """What no mixture of intact and damaged packages explains, whatever its share.

    An interval of the score holds no larger share of any mixture than of intact or of damaged
    packages. So a window that has significantly more of them than both is no mixture; both tests
    (Fisher's) have to agree, and whichever label is the larger one keeps the level (Berger 1982).
    """

    def __init__(self, known: Known, least: float) -> None:
        """`least` is the mean distance of scores from the best mixture that matters."""
        super().__init__()
        self._known, self._least = known, least
        self._hits = [_bins(of)[1] for of in (known.intact, known.damaged)]
        self._sizes = [len(known.intact), len(known.damaged)]
        self._interval = 0

    def beyond(self, level: float, ease: float = 1.0) -> bool:
        """Whether a test of a full window has at most this chance, and the change matters."""
        for last in self.windows():
            found = _bins(last)[1]
            needed = self._critical(len(last), level / (~WHOLE).sum())
            more = (found >= needed) & ~WHOLE
            if more.any() and _areas(last, self._known, SHARES).min() >= self._least / ease:
                self._interval = int(np.argmax(np.where(more, found / needed, 0)))
                return True
        return False

    def _critical(self, window: int, level: float) -> np.ndarray:
        of_label = (
            np.array([share_critical(int(hit), size, window, level) for hit in hits])
            for hits, size in zip(self._hits, self._sizes, strict=True)
        )
        return np.maximum(*of_label)

    def change(self) -> Change | None:
        """Medians of the best-fitting mixture and of the last packages."""
        return _change(self._values, self._known, None)

    def began(self) -> float:
        """The time of the first package of the change that goes on."""
        low, high = CUTS[FIRSTS[self._interval]], CUTS[LASTS[self._interval] + 1]
        values = np.array(self._values)
        held = (values >= low) & ((values < high) | (high == 1))
        usual = max(
            hits[self._interval] / size for hits, size in zip(self._hits, self._sizes, strict=True)
        )
        return self.since(held, usual)


class Damage(Last):
    """Scores that are higher than those of intact packages, and too many for the expected share.

    Of a window at most so many are damaged, up to a small part of the chance; all others come from
    where the intact ones of validation do (Kolmogorov and Smirnov's one of two samples).
    """

    def __init__(self, known: Known, least: float) -> None:
        """`least` is the mean distance of scores from the mixture that matters."""
        super().__init__()
        assert known.share is not None
        self._known, self._least, self._share = known, least, known.share
        self._sorted = np.sort(known.intact)
        self._cut = 0.5

    def beyond(self, level: float, ease: float = 1.0) -> bool:
        """Whether a test of a full window has at most this chance, and the change matters."""
        size = len(self._sorted)
        for last in self.windows():
            above = 1 - np.searchsorted(np.sort(last), self._sorted, side="right") / len(last)
            more = above - (1 - np.arange(1, size + 1) / size)
            place = int(np.argmax(more))
            if more[place] < _far(size, len(last), self._share, level):
                continue
            if _areas(last, self._known, np.array([self._share])).min() >= self._least / ease:
                self._cut = float(self._sorted[place])
                return True
        return False

    def change(self) -> Change | None:
        """Medians of the expected mixture and of the last packages."""
        return _change(self._values, self._known, self._share)

    def began(self) -> float:
        """The time of the first package of the change that goes on."""
        usual = float((self._sorted > self._cut).mean())
        return self.since(np.array(self._values) > self._cut, usual)


@cache
def _far(reference: int, window: int, share: float, level: float) -> float:
    """The least distance of a window from intact packages that few damaged ones do not explain."""
    few = few_damaged(share, window, ALLOWED * level)
    if few >= window:
        return np.inf
    intact = ks_critical(reference, window - few, (1 - ALLOWED) * level)
    return few / window + (1 - few / window) * intact


def _bins(values: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many scores lie in each bin, and in each interval of bins."""
    bins = np.histogram(values, CUTS)[0]
    sums = np.concatenate([[0], bins.cumsum()])
    return bins, sums[LASTS + 1] - sums[FIRSTS]


def _areas(values: Sequence[float] | np.ndarray, known: Known, shares: np.ndarray) -> np.ndarray:
    """Mean distance of scores from mixtures of these shares [S], each float64 in 0..1, [S].

    The area between distribution functions (Wasserstein's distance of order 1).
    """
    at = np.linspace(0, 1, POINTS)
    own, intact, damaged = (
        np.searchsorted(np.sort(of), at, side="right") / len(of)
        for of in (values, known.intact, known.damaged)
    )
    mixed = (1 - shares[:, None]) * intact + shares[:, None] * damaged
    return np.asarray(abs(own - mixed).mean(axis=1))


def _change(values: Sequence[float], known: Known, share: float | None) -> Change | None:
    """From a mixture of this share to the last scores; None: of the share that fits best."""
    if len(values) < SHORT:
        return None
    last = list(values)[-LONG:]
    if share is None:
        share = float(SHARES[_areas(last, known, SHARES).argmin()])
    weights = np.repeat(
        [(1 - share) / len(known.intact), share / len(known.damaged)],
        [len(known.intact), len(known.damaged)],
    )
    both = np.concatenate([known.intact, known.damaged])
    order = np.argsort(both)
    middle = min(int(np.searchsorted(weights[order].cumsum(), 0.5)), len(both) - 1)
    index = None
    if len(last) == LONG:
        expected = np.histogram(both, CUTS, weights=weights)[0]
        bins = len(expected)
        # Half a package more in each, for a logarithm of none.
        now = (_bins(last)[0] + 0.5) / (len(last) + 0.5 * bins)
        was = (expected * len(both) + 0.5) / (len(both) + 0.5 * bins)
        index = float(((now - was) * np.log(now / was)).sum())
    return Change(float(both[order][middle]), float(np.median(last[-SHORT:])), index)
