"""Probabilities and their logits, in plain NumPy: a line that applies a decision needs no SciPy."""

import numpy as np
from numpy.typing import ArrayLike


def logit(probability: ArrayLike, clip: float = 0.0) -> np.ndarray:
    """log(p / (1 - p)), float64, of probabilities that are first kept `clip` away from 0 and 1."""
    kept = np.clip(np.asarray(probability, dtype=float), clip, 1 - clip)
    with np.errstate(divide="ignore"):
        return np.log(kept) - np.log1p(-kept)


def expit(logits: ArrayLike) -> np.ndarray:
    """1 / (1 + exp(-x)), float64, without overflow."""
    x = np.asarray(logits, dtype=float)
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)
