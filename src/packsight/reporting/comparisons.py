"""Which configurations cannot be told from the best, by the packages that each has right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from packsight.decision.comparison import (
    LEVEL,
    corrected_p_values,
    mcnemar,
    packages_to_settle,
    paired_difference,
)
from packsight.decision.terms import Figure
from packsight.domain import LABELS, THRESHOLD, Split

COMPARED = ("p_value", "tied", "difference", "difference_low", "difference_high")


@dataclass(frozen=True)
class Comparison:
    """Two configurations on the packages that both were tested on."""

    packages: int
    first_alone: int  # right with the first, wrong with the second
    second_alone: int
    p_value: float  # McNemar's, exact, not corrected
    difference: Figure  # of the share that is right, first less second
    needed: int | None  # packages that would settle such a difference; None where there is none


def package_right(predictions: pd.DataFrame) -> pd.Series:
    """1 for each test package that is told rightly, else 0, by serial; its images' mean decides."""
    test = predictions[predictions["split"] == Split.TEST]
    packages = test.groupby("serial").agg({"probability": "mean", "label": "first"})
    right = (packages["probability"] >= THRESHOLD) == (packages["label"] == LABELS[1])
    return right.astype(float)


def compare(right: pd.DataFrame, damaged: pd.Series, first: int, second: int) -> Comparison | None:
    """Two columns of `right` [packages, configurations]; None where they share no package."""
    both = right[[first, second]].dropna()
    if both.empty:
        return None
    one, other = both[first].to_numpy(), both[second].to_numpy()
    found = mcnemar(one, other)
    label = damaged.loc[both.index].to_numpy(dtype=bool)
    paired = len(set(label)) == 2
    alone = (found.first_alone, found.second_alone)
    return Comparison(
        len(both),
        *alone,
        found.p_value,
        paired_difference(one, other, label) if paired else Figure(float((one - other).mean())),
        packages_to_settle(*alone, len(both)),
    )


def against_best(
    rows: pd.DataFrame, right: pd.DataFrame, damaged: pd.Series, keys: Sequence[str]
) -> pd.DataFrame:
    """The rows with the columns COMPARED: each against the first of its group by `keys`.

    p-values are McNemar's with Holm's correction for the group; whoever is the best is tied with
    itself. What has no rank is compared too.
    """
    found = rows.assign(p_value=np.nan, tied=False, difference=np.nan,
                        difference_low=np.nan, difference_high=np.nan)  # fmt: skip
    for _, group in rows.groupby(list(keys), dropna=False):
        first = group.index[group["rank"] == 1]
        if first.empty:
            continue
        best, members = first[0], list(group.index)
        corrected = corrected_p_values(right[members].T, members.index(best))
        for member, p_value in zip(members, corrected, strict=True):
            compared = None if member == best else compare(right, damaged, member, best)
            found.loc[member, ["p_value", "tied"]] = p_value, p_value >= LEVEL
            if compared is not None:
                gap = compared.difference
                found.loc[member, list(COMPARED[2:])] = [
                    np.nan if end is None else end for end in (gap.value, gap.low, gap.high)
                ]
    return found
