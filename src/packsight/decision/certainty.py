"""How sure the figures of a decision are: 95 % intervals by bootstrap over packages."""

from collections.abc import Callable

import numpy as np

from packsight.decision.outcomes import per_thousand, shares
from packsight.decision.terms import Costs, Figure

RESAMPLES = 1000
BOUNDS = (0.025, 0.975)

# Given scores [N], what is damaged [N] and how often each package stands in each of R tables
# [R, N], the thresholds accept_below and reject_from [R] that each table would give.
Refit = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def resampled(damaged: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each package is drawn, float64 [resamples, N]; labels keep their numbers."""
    times = np.zeros((resamples, len(damaged)))
    for label in (False, True):
        rows = np.flatnonzero(damaged == label)
        each = np.full(len(rows), 1 / len(rows))
        times[:, rows] = generator.multinomial(len(rows), each, size=resamples)
    return times


def figures(
    score: np.ndarray,
    damaged: np.ndarray,
    refit: Refit,
    share: float,
    costs: Costs | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Figure]:
    """What a decision will do to 1,000 packages, `share` of them damaged, keys of `per_thousand`.

    They are of the thresholds that all packages give, used on packages yet to come. Every resample
    fits thresholds of its own, and by how much these do better on the resample than on all packages
    is the optimism that the figures are freed from (Efron 1983). What remains unknown of each rate
    is drawn around the count, with one package's worth of prior (Jeffreys), since a bootstrap of a
    mistake that has not happened yet says that it never will. An interval holds those of the counts
    with and without optimism.
    """
    generator = np.random.default_rng(seed)
    once, times = np.ones((1, len(score))), resampled(damaged, resamples, generator)
    low, high = refit(score, damaged, once)
    lows, highs = refit(score, damaged, times)
    counted = shares(score, damaged, low, high)[0]  # [2, 3]
    # The second difference averages to nothing; taken off, it leaves less to chance.
    optimism = shares(score, damaged, lows, highs, times) - shares(score, damaged, lows, highs)
    optimism -= shares(score, damaged, low, high, times) - counted
    expected = (counted - optimism.mean(axis=0)).clip(0)
    expected /= expected.sum(axis=-1, keepdims=True)
    possible = np.array([True, True, bool((high > low).any() or (highs > lows).any())])
    packages = np.array([[(~damaged).sum()], [damaged.sum()]])
    drawn = [
        per_thousand(_draws(rates * packages, possible, resamples, generator), share, costs)
        for rates in (expected, counted)
    ]
    found = {}
    for name, value in per_thousand(expected, share, costs).items():
        ends = np.quantile([draws[name] for draws in drawn], BOUNDS, axis=1)  # [2, drawn]
        outer = float(min(ends[0].min(), value)), float(max(ends[1].max(), value))
        found[name] = Figure(None) if np.isnan(value) else Figure(float(value), *outer)
    return found


def _draws(
    counts: np.ndarray, possible: np.ndarray, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """Shares of each label that counts [2, 3] are likely of, [draws, 2, 3]; 0 if not possible."""
    weight = np.where(possible, counts + 1 / possible.sum(), 0)
    drawn = generator.gamma(np.broadcast_to(weight, (draws, *weight.shape)))
    return drawn / drawn.sum(axis=-1, keepdims=True)
