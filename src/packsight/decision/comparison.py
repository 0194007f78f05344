"""Two models on the same packages, and which of many cannot be told from the best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, norm

from packsight.decision.certainty import BOUNDS, RESAMPLES, resampled
from packsight.decision.terms import Figure

LEVEL = 0.05
POWER = 0.8  # to find a difference that is there


@dataclass(frozen=True)
class McNemar:
    """Packages that one of two models alone has right, and how likely so uneven a split is."""

    first_alone: int
    second_alone: int
    p_value: float  # two-sided, exact


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """The exact test (McNemar 1947) of what is right [N] of the same packages, by two models."""
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    alone = int((first & ~second).sum()), int((second & ~first).sum())
    p_value = binomtest(alone[0], sum(alone)).pvalue if sum(alone) else 1.0
    return McNemar(*alone, float(p_value))


def paired_difference(
    first: ArrayLike, second: ArrayLike, damaged: ArrayLike, share: float | None = None
) -> Figure:
    """The mean of `first` less that of `second`, with its 95 % interval over packages.

    Both [N] hold a number per package, such as 1 where a model is right, or what its decision
    costs. With a `share`, the mean is that of a line with so many damaged packages.
    """
    label = np.asarray(damaged, bool)
    difference = np.asarray(first, float) - np.asarray(second, float)
    of_damaged = label.mean() if share is None else share
    weight = np.where(label, of_damaged / label.sum(), (1 - of_damaged) / (~label).sum())
    value = float(weight @ difference)
    times = resampled(label, RESAMPLES, np.random.default_rng(0))
    low, high = np.quantile(times @ (weight * difference), BOUNDS)
    return Figure(value, min(float(low), value), max(float(high), value))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Each p-value [M] corrected for there being so many, float64 (Holm 1979)."""
    given = np.asarray(p_values, dtype=float)
    order = np.argsort(given)
    rising = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = rising.clip(max=1)
    return corrected


def tied_with_best(right: ArrayLike, best: int, level: float = LEVEL) -> np.ndarray:
    """Which models cannot be told from the best, bool [M]; the best is one of them."""
    return corrected_p_values(right, best) >= level


def corrected_p_values(right: ArrayLike, best: int) -> np.ndarray:
    """How likely chance tells each model so far from the best, float64 [M]; 1 for the best.

    `right` [M, N] says which packages each model has right, nan where it was not asked; each pair
    is compared on the packages that both were asked, by McNemar's test with Holm's correction.
    """
    table = np.asarray(right, dtype=float)
    others = [row for row in range(len(table)) if row != best]
    p_values = []
    for row in others:
        both = ~np.isnan(table[[row, best]]).any(axis=0)
        p_values.append(mcnemar(table[row, both] == 1, table[best, both] == 1).p_value)
    corrected = np.ones(len(table))
    corrected[others] = holm(p_values)
    return corrected


def packages_to_settle(first_alone: int, second_alone: int, packages: int) -> int | None:
    """Packages on which McNemar's test would find such a difference four times in five.

    So many of them were right by one model alone, of so many (Connor 1987). None where nothing
    tells the two apart.
    """
    one, other = first_alone / packages, second_alone / packages
    if one == other:
        return None
    level, power = norm.isf(LEVEL / 2), norm.ppf(POWER)
    discordant, gap = one + other, one - other
    root = level * np.sqrt(discordant) + power * np.sqrt(discordant - gap**2)
    return int(np.ceil((root / gap) ** 2))
