"""Tests of a window of packages against a small sample, exact or strict, in plain NumPy.

All are of two samples: the reference is one of them, with the noise of its own few packages. Under
independent packages from one continuous distribution their levels hold whatever that is.
"""

from functools import cache
from math import lgamma
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

BINS = 4  # of the stability index; what it can be is listed in full


def ks_distance(counts: ArrayLike) -> np.ndarray:
    """Largest distance between two distribution functions, [...] from counts [..., n + 1].

    A count is of the window's values that lie above so many of the reference's n.
    """
    counts = np.asarray(counts)
    reference = np.arange(counts.shape[-1]) / (counts.shape[-1] - 1)
    after = counts.cumsum(axis=-1)
    total = after[..., -1:]
    gaps = np.maximum(abs(after / total - reference), abs((after - counts) / total - reference))
    return gaps.max(axis=-1)


def ks_probability(distance: float, reference: int, window: int) -> float:
    """The chance of at least this distance between samples of these sizes.

    Counts the paths through the order of both samples that stay nearer (Hodges 1958).
    """
    bound = round(distance * reference * window)
    paths = np.zeros(window + 1)
    paths[: -(-bound // reference)] = 1.0
    for row in range(1, reference + 1):
        low = max(0, (row * window - bound) // reference + 1)
        high = min(window, -(-(row * window + bound) // reference) - 1)
        inside = np.cumsum(paths[low : high + 1]) * (row / (row + window))
        paths[:] = 0.0
        paths[low : high + 1] = inside
    return float(1 - paths[-1])


@cache
def ks_critical(reference: int, window: int, level: float) -> float:
    """The least distance whose chance is at most `level`; inf where there is none."""
    low, high = 0, reference * window + 1
    while high - low > 1:
        middle = (low + high) // 2
        if ks_probability(middle / (reference * window), reference, window) <= level:
            high = middle
        else:
            low = middle
    # Half a step below, so that rounding cannot hide a distance that is reached exactly.
    return (high - 0.5) / (reference * window) if high <= reference * window else np.inf


def rank_score(counts: ArrayLike) -> np.ndarray:
    """How far ranks lie from even ones (Mann-Whitney), in standard deviations, [...]."""
    counts = np.asarray(counts)
    reference, window = counts.shape[-1] - 1, counts.sum(axis=-1)
    above = counts @ np.arange(reference + 1)
    deviation = np.sqrt(reference * window * (reference + window + 1) / 12)
    return (above - reference * window / 2) / deviation


@cache
def rank_critical(level: float) -> float:
    """The least `rank_score`, whatever its sign, whose chance is at most `level`.

    By the normal distribution, whose tails are longer than those of ranks: the chance is smaller.
    """
    return NormalDist().inv_cdf(1 - level / 2)


def bin_widths(reference: int) -> tuple[int, ...]:
    """Of the index's bins, how many of the reference's n + 1 gaps each takes."""
    edges = np.linspace(0, reference + 1, BINS + 1).round().astype(int)
    return tuple(int(width) for width in np.diff(edges))


def stability_index(counts: ArrayLike) -> np.ndarray:
    """Population stability index [...] of counts [..., n + 1] as of `ks_distance`."""
    counts = np.asarray(counts)
    widths = bin_widths(counts.shape[-1] - 1)
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    return _index(np.add.reduceat(counts, starts, axis=-1), widths)


def _index(binned: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Of counts [..., BINS]; half a package more in each, for a logarithm of none."""
    shares = (binned + 0.5) / (binned.sum(axis=-1, keepdims=True) + 0.5 * BINS)
    expected = np.array(widths) / sum(widths)
    return ((shares - expected) * np.log(shares / expected)).sum(axis=-1)


@cache
def index_critical(reference: int, window: int, level: float) -> float:
    """The least stability index whose chance is at most `level`; inf where there is none.

    The reference's own gaps have Dirichlet probabilities, so that the counts in bins of them are
    Dirichlet-multinomial: every possible count is listed with its chance.
    """
    widths = bin_widths(reference)
    if min(widths) < 1:
        return np.inf
    first, second = np.divmod(np.arange((window + 1) ** 2), window + 1)
    first, second = (part[first + second <= window] for part in (first, second))
    found = []
    for third in range(window + 1):
        held = first + second + third <= window
        one, two = first[held], second[held]
        found.append(np.stack([one, two, np.full(len(one), third), window - one - two - third], 1))
    binned = np.concatenate(found)
    logs = np.array([lgamma(value) for value in range(1, reference + window + 2)])
    chance = np.full(len(binned), logs[reference] + logs[window] - logs[reference + window])
    for width, count in zip(widths, binned.T, strict=True):
        chance += logs[count + width - 1] - logs[count] - logs[width - 1]
    index = _index(binned, widths)
    order = np.argsort(-index)
    enough = np.cumsum(np.exp(chance[order])) <= level
    # Values that are alike up to rounding stand together, above or below.
    return float(index[order[enough.sum() - 1]]) + 1e-9 if enough.any() else np.inf


def share_probability(hits: int, reference: int, found: int, window: int) -> float:
    """Fisher's exact chance of at least `found` in the window, beside the reference's `hits`."""
    total, everyone = hits + found, reference + window
    logs = [
        _choose(window, count) + _choose(reference, total - count) - _choose(everyone, total)
        for count in range(found, min(window, total) + 1)
    ]
    return float(np.exp(logs).sum())


@cache
def share_critical(hits: int, reference: int, window: int, level: float) -> float:
    """The least count in the window whose chance is at most `level`; inf where there is none."""
    low, high = 0, window + 1
    while high - low > 1:
        middle = (low + high) // 2
        if share_probability(hits, reference, middle, window) <= level:
            high = middle
        else:
            low = middle
    return high if high <= window else np.inf


def few_damaged(share: float, window: int, level: float) -> int:
    """The least number that more damaged packages than have a chance of at most `level`."""
    chance = 0.0  # of more
    for number in range(window, 0, -1):
        logs = _choose(window, number) + number * np.log(share)
        chance += float(np.exp(logs + (window - number) * np.log1p(-share)))
        if chance > level:
            return number
    return 0


def _choose(total: int, taken: int) -> float:
    """The logarithm of how many choices there are."""
    return lgamma(total + 1) - lgamma(taken + 1) - lgamma(total - taken + 1)
