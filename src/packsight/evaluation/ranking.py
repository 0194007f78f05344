"""How well scores rank damaged above intact: the counts behind both curves, and their areas.

The numbers are scikit-learn's (a test compares them); to import it and SciPy would cost every
training half a second.
"""

import numpy as np


def counts_by_threshold(damaged: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False alarms and hits [K + 1] at each of K distinct scores as threshold, from none to all."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=np.nan))  # of each group of equal scores
    hits = np.cumsum(damaged[order])[last]
    return np.append(0, last + 1 - hits), np.append(0, hits)


def auroc(damaged: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; both classes have to be there."""
    alarms, hits = counts_by_threshold(damaged, score)
    return float(np.trapezoid(hits, alarms) / (hits[-1] * alarms[-1]))


def average_precision(damaged: np.ndarray, score: np.ndarray) -> float:
    """Precision at each threshold, weighted by the recall gained there; needs one damaged."""
    alarms, hits = counts_by_threshold(damaged, score)
    precision = hits[1:] / (hits[1:] + alarms[1:])
    return float(np.sum(np.diff(hits) * precision) / hits[-1])
