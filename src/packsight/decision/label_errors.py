"""Packages that may bear the wrong label, by confident learning (Northcutt et al. 2021)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from packsight.domain import LABELS


@dataclass(frozen=True)
class Suspect:
    """A package whose label the models contradict."""

    row: int  # of the given scores
    label: str
    probable: str
    confidence: float  # of the probable label, 0 to 1


def probable_label_errors(probability: ArrayLike, damaged: ArrayLike) -> list[Suspect]:
    """Suspects, the most suspicious first.

    `probability` [N] is that of damaged by models that were not trained on the package, nan where
    there is none. A label is contradicted where the other one's probability reaches the mean that
    packages of that other label have, so that a timid model still has suspects, and where it is
    more than the label's own.
    """
    values, label = np.asarray(probability, dtype=float), np.asarray(damaged, dtype=bool)
    of_class = np.column_stack([1 - values, values])  # [N, 2]
    known = ~np.isnan(values)
    if label[known].all() or not label[known].any():
        return []
    usual = np.array([of_class[known & (label == index), index].mean() for index in (0, 1)])
    other = (~label).astype(int)
    of_other = of_class[np.arange(len(label)), other]
    suspicious = np.flatnonzero(known & (of_other >= usual[other]) & (of_other > 0.5))
    ranked = suspicious[np.argsort(-of_other[suspicious], kind="stable")]
    return [
        Suspect(int(row), LABELS[1 - other[row]], LABELS[other[row]], float(of_other[row]))
        for row in ranked
    ]
