"""Whether probabilities mean what they say: calibration error, Brier score, log loss, diagram."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import brier_score_loss, log_loss

from packsight.decision.calibration import CLIP

MOST_BINS = 10
IN_A_BIN = 15  # packages at least, where there are that many


@dataclass(frozen=True)
class Bin:
    """Packages of neighbouring probabilities, a point of the reliability diagram."""

    probability: float  # their mean
    damaged: float  # the share of them that is
    packages: int


@dataclass(frozen=True)
class Reliability:
    """How far probabilities of damaged lie from what happens."""

    calibration_error: float  # expected |share damaged - probability|, over bins (ECE)
    debiased: float  # root of its mean square, less what chance adds (Kumar et al. 2019)
    brier: float
    log_loss: float
    bins: tuple[Bin, ...]  # with as many packages each


def reliability(probability: ArrayLike, damaged: ArrayLike) -> Reliability:
    """The reliability of probabilities [N], no nan among them, in bins of equal numbers."""
    values, label = np.asarray(probability, dtype=float), np.asarray(damaged, dtype=bool)
    number = int(np.clip(len(values) // IN_A_BIN, 1, MOST_BINS))
    parts = np.array_split(np.argsort(values, kind="stable"), number)
    bins = tuple(
        Bin(float(values[rows].mean()), float(label[rows].mean()), len(rows)) for rows in parts
    )
    weight = np.array([len(rows) for rows in parts]) / len(values)
    rate = np.array([found.damaged for found in bins])
    gap = rate - [found.probability for found in bins]
    chance = rate * (1 - rate) / np.maximum([len(rows) - 1 for rows in parts], 1)
    return Reliability(
        calibration_error=float(weight @ np.abs(gap)),
        debiased=float(np.sqrt(max(weight @ (gap**2 - chance), 0))),
        brier=float(brier_score_loss(label, values)),
        log_loss=float(log_loss(label, values.clip(CLIP, 1 - CLIP), labels=[False, True])),
        bins=bins,
    )
