"""The share of damaged packages on a line, which is not that of the validation packages."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.logits import expit, logit
from packsight.errors import UserError

ROUNDS = 10_000
PRECISION = 1e-10  # of the share, where the rounds end
RELIABLE = 0.5  # a standard error above this part of the share is told


def shifted(probability: ArrayLike, known: float, share: float) -> np.ndarray:
    """Probabilities that assume `known` as share of damaged, as they are where it is `share`.

    float64, nan stays nan. Both shares lie between 0 and 1; the scores of each label are taken to
    be the same in both places.
    """
    return expit(logit(probability) + logit(share) - logit(known))


@dataclass(frozen=True)
class EstimatedShare:
    """A line's share of damaged packages, estimated from packages without labels."""

    share: float
    standard_error: float  # of the stream alone, the calibration taken as right; may be inf
    packages: int

    @property
    def uncertain(self) -> bool:
        """Whether the stream is too small, or the model too weak, to go by the share."""
        return self.standard_error > RELIABLE * self.share


def estimate_share(probability: ArrayLike, known: float) -> EstimatedShare:
    """The share by expectation and maximisation (Saerens et al. 2002), nan left out.

    `probability` [N] is calibrated and assumes `known`. Raises UserError for no package at all.
    """
    values = np.asarray(probability, dtype=float)
    values = values[~np.isnan(values)].clip(1e-12, 1 - 1e-12)
    if not len(values):
        raise UserError("a share of damaged packages cannot be estimated from no package at all.")
    share = known
    for _ in range(ROUNDS):
        before, share = share, float(shifted(values, known, share).mean())
        if abs(share - before) < PRECISION:
            break
    share = min(max(share, 1e-9), 1 - 1e-9)
    ratio = np.exp(logit(values) - logit(known))  # of the likelihoods, damaged to intact
    score = (ratio - 1) / (share * ratio + 1 - share)  # the log likelihood's slope
    information = float((score**2).sum())  # none where all scores are alike
    error = 1 / np.sqrt(information) if information > 0 else np.inf
    return EstimatedShare(share, float(error), len(values))
