"""How sure the figures of a decision are: 95 % intervals by bootstrap over packages."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from scipy.special import betaincinv

from packsight.decision.outcomes import per_thousand, shares
from packsight.decision.terms import Action, Costs, Figure

RESAMPLES = 1000  # of the packages, in each of which the thresholds are fitted anew
DRAWS = 1000  # of the rates that so many counted packages may come from
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
    is drawn around the count with one more package, wherever it makes the interval widest: of a
    single rate that gives the exact bounds of Clopper and Pearson (1934), where a bootstrap alone
    says that a mistake that has not happened yet never will.
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
    possible = [0, 1, 2] if (high > low).any() or (highs > lows).any() else [0, 1]
    packages = np.array([[(~damaged).sum()], [damaged.sum()]])
    drawn = [
        per_thousand(of_labels, share, costs)
        for of_labels in _draws(expected * packages, possible, generator)
    ]
    found = {}
    for name, value in per_thousand(expected, share, costs).items():
        ends = np.quantile([draws[name] for draws in drawn], BOUNDS, axis=1)  # [2, drawn]
        outer = float(min(ends[0].min(), value)), float(max(ends[1].max(), value))
        found[name] = Figure(None) if np.isnan(value) else Figure(float(value), *outer)
    return found


def figures_of(
    action: np.ndarray, damaged: np.ndarray, share: float, costs: Costs | None = None
) -> dict[str, Figure]:
    """What was done to packages, [N] of Action, as `figures` of packages `share` of them damaged.

    Nothing is fitted, so that the intervals are those of the counts. Empty where a label is absent.
    """
    if damaged.all() or not damaged.any():
        return {}
    score = np.select([action == Action.ACCEPT, action == Action.REJECT], [0.0, 1.0], 0.5)
    ends = (0.25, 0.75) if (score == 0.5).any() else (0.5, 0.5)

    def refit(_: np.ndarray, __: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(times), ends[0]), np.full(len(times), ends[1])

    return figures(score, damaged, refit, share, costs, resamples=1)


def _draws(
    counts: np.ndarray, possible: list[int], generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Shares of each label that counts [2, 3] are likely of, [DRAWS, 2, 3].

    Once for each pair of possible actions that one more package of each label may have met.
    """
    levels = (np.arange(DRAWS) + 0.5) / DRAWS
    drawn = [
        {more: _likely(of_label, mistake, more, *uniform) for more in possible}
        for of_label, mistake, uniform in (
            # The mistake that a label allows, so that its bounds are exact: to reject, to accept.
            (counts[0], 1, [generator.permutation(levels) for _ in range(2)]),
            (counts[1], 0, [generator.permutation(levels) for _ in range(2)]),
        )
    ]
    for intact, damaged in product(possible, repeat=2):
        yield np.stack([drawn[0][intact], drawn[1][damaged]], axis=1)


def _likely(
    counts: np.ndarray, mistake: int, more: int, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Dirichlet's shares of three actions, [DRAWS, 3], at these uniform levels [DRAWS]."""
    met = counts.copy()
    met[more] += 1
    one, other = (action for action in range(3) if action != mistake)
    drawn = np.empty((len(first), 3))
    drawn[:, mistake] = _beta(met[mistake], met[one] + met[other], first)
    rest = 1 - drawn[:, mistake]
    drawn[:, one] = rest * _beta(met[one], met[other], second)
    drawn[:, other] = rest - drawn[:, one]
    return drawn


def _beta(success: float, failure: float, level: np.ndarray) -> np.ndarray:
    """Quantiles of a beta distribution, and of what it becomes where nothing was counted."""
    if min(success, failure) <= 0:
        return np.full_like(level, float(success > 0))
    return betaincinv(success, failure, level)
