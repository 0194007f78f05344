"""From a model's score to a probability of damaged that means what it says; plain NumPy.

How one is fitted stands in `calibration_fit`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.logits import expit, logit

# Of scores, before their logarithm: float32 knows little that is nearer to 1.
CLIP = 1e-6
NEVER = float(np.nextafter(1.0, 2.0))  # a threshold that no score reaches


class Method(StrEnum):
    """How scores are calibrated, the simplest first."""

    TEMPERATURE = "temperature"  # logit / T (Guo et al. 2017)
    PLATT = "platt"  # slope * logit + intercept (Platt 1999)
    ISOTONIC = "isotonic"  # any rising function (Zadrozny and Elkan 2002)


@dataclass(frozen=True)
class Calibration:
    """A rising function of the score, with what it was fitted on.

    `share` is the share of damaged packages among those it was fitted on, which its probabilities
    therefore assume. slope and intercept are of TEMPERATURE and PLATT; ISOTONIC goes straight from
    knot to knot.
    """

    method: Method
    share: float
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()  # (score, probability), both rising

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.slope < 0:
            raise ValueError(f"share {self.share} or slope {self.slope} is not of a calibration")
        if self.method == Method.ISOTONIC and len(self.knots) < 2:
            raise ValueError("an isotonic calibration has at least two knots")

    def apply(self, score: ArrayLike) -> np.ndarray:
        """Probability of damaged, float64 [N], of scores [N]; nan stays nan."""
        values = np.asarray(score, dtype=float)
        if self.method == Method.ISOTONIC:
            return np.interp(values, *np.transpose(self.knots))
        return expit(self.slope * logit(values, CLIP) + self.intercept)

    def inverse(self, probability: float) -> float:
        """The lowest score from which the probability is reached; NEVER where none does."""
        if self.method != Method.ISOTONIC:
            return float(inverse(self.slope, self.intercept, logit(probability)))
        score, reached = np.transpose(self.knots)
        if probability <= reached[0]:
            return 0.0
        if probability > reached[-1]:
            return NEVER
        after = int(np.searchsorted(reached, probability))
        run, rise = score[after] - score[after - 1], reached[after] - reached[after - 1]
        return float(score[after - 1] + run * (probability - reached[after - 1]) / rise)


def inverse(slope: ArrayLike, intercept: ArrayLike, logits: ArrayLike) -> np.ndarray:
    """The lowest scores, float64 [R], whose slope * logit + intercept reaches the logits [R].

    0 where all scores do, NEVER where none does.
    """
    limit = logit(1.0, CLIP)
    steepness = np.asarray(slope, dtype=float)
    beyond = np.asarray(logits, dtype=float) - np.asarray(intercept, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = expit(np.clip(beyond / steepness, -limit, limit))
    reached_by_all, reached_by_none = beyond <= -limit * steepness, beyond > limit * steepness
    return np.select([reached_by_all, reached_by_none], [0.0, NEVER], score)
