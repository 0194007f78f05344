"""Tests against SciPy, and levels that hold for small references."""

import numpy as np
import pytest
from scipy import stats

from packsight.monitoring.two_samples import (
    bin_widths,
    index_critical,
    ks_critical,
    ks_distance,
    ks_probability,
    rank_critical,
    rank_score,
    share_critical,
    share_probability,
    stability_index,
)


def counts(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(np.sort(reference), window), minlength=len(reference) + 1)


@pytest.mark.parametrize(("reference", "window"), [(8, 40), (36, 40), (36, 120), (300, 40)])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5, 9.0])
def test_distance_and_chance_are_scipys(reference, window, shift):
    draw = np.random.default_rng(3)
    one, other = draw.normal(size=reference), draw.normal(shift, size=window)
    peer = stats.ks_2samp(one, other, method="exact")
    distance = float(ks_distance(counts(one, other)))
    assert distance == pytest.approx(peer.statistic)
    assert ks_probability(distance, reference, window) == pytest.approx(peer.pvalue, abs=1e-12)


def test_a_critical_distance_is_the_least_of_its_level():
    for level in (0.05, 1e-3, 1e-7):
        distance = ks_critical(36, 40, level)
        assert ks_probability(distance + 0.5 / 1440, 36, 40) <= level
        assert ks_probability(distance - 0.5 / 1440, 36, 40) > level
    assert ks_critical(4, 5, 1e-7) == np.inf


@pytest.mark.parametrize(("reference", "window"), [(12, 40), (36, 40), (36, 120)])
def test_rank_scores_are_scipys_and_their_chances_no_larger_than_stated(reference, window):
    draw = np.random.default_rng(4)
    one, other = draw.normal(size=reference), draw.normal(0.7, size=window)
    peer = stats.mannwhitneyu(other, one, method="exact")
    middle = reference * window / 2
    deviation = np.sqrt(middle * (reference + window + 1) / 6)
    score = float(rank_score(counts(one, other)))
    assert score == pytest.approx((peer.statistic - middle) / deviation)
    for level in (1e-4, 1e-7):
        least = np.ceil(middle + rank_critical(level) * deviation)
        if least > reference * window:
            continue
        # Samples in which this many pairs are in order.
        low, apart = np.arange(window, dtype=float), int(least)
        above = np.full(window, apart // window) + (low < apart % window)
        ranked = np.concatenate([np.arange(reference), above - 0.5])
        exact = stats.mannwhitneyu(ranked[reference:], ranked[:reference], method="exact")
        assert exact.statistic == least
        assert exact.pvalue <= level


def test_the_index_of_equal_shares_is_nothing_and_grows():
    widths = np.array(bin_widths(39))
    assert widths.sum() == 40
    even = np.zeros(40)
    even[[0, 10, 20, 30]] = 25
    assert stability_index(even) == pytest.approx(0)
    moved = np.zeros(40)
    moved[[0, 10, 20, 30]] = 0, 0, 0, 100
    assert stability_index(moved) > 2
    assert stability_index(np.stack([even, moved])).shape == (2,)


def test_chances_of_the_index_are_those_of_simulation():
    """Also those of few packages, where the usual limits of 0.1 and 0.25 mean nothing."""
    draw, sizes = np.random.default_rng(5), (36, 120)
    for level in (0.1, 0.01):
        critical = index_critical(*sizes, level)
        alarms = [
            stability_index(counts(draw.random(sizes[0]), draw.random(sizes[1]))) >= critical
            for _ in range(4000)
        ]
        assert np.mean(alarms) == pytest.approx(level, abs=3.5 * np.sqrt(level / 4000))
    assert index_critical(*sizes, 0.05) > 0.15


@pytest.mark.parametrize(("hits", "found"), [(0, 3), (1, 12), (30, 5), (36, 40)])
def test_chances_of_shares_are_fishers(hits, found):
    peer = stats.fisher_exact([[found, 40 - found], [hits, 36 - hits]], alternative="greater")
    assert share_probability(hits, 36, found, 40) == pytest.approx(peer.pvalue)


def test_a_critical_share_is_the_least_of_its_level():
    found = share_critical(1, 36, 40, 1e-5)
    assert share_probability(1, 36, int(found), 40) <= 1e-5
    assert share_probability(1, 36, int(found) - 1, 40) > 1e-5
    assert share_critical(36, 36, 40, 1e-5) == np.inf
