"""The newest packages held out, and what belongs together left together."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from packsight.domain import LABELS
from packsight.errors import UserError
from packsight.preparation.units import units_of


def carve_newest(packages: pd.DataFrame, shares: Mapping[str, float]) -> pd.Series:
    """The part of each package, in the order of time: the last of `shares` gets the newest.

    A group counts as of its newest package, and what is of one time is not parted; each cut is as
    near to its share as both labels in each part allow. Raises UserError where they allow none.
    """
    units = units_of(packages)
    times = packages["time"].groupby(units).transform("max")
    moments, place = np.unique(times, return_inverse=True)
    counts = np.zeros((len(moments), len(LABELS)), int)
    np.add.at(counts, (place, packages["label"].map(LABELS.index)), 1)
    cuts = _cuts(counts, [*shares.values()])
    if cuts is None:
        raise UserError(
            f"{len(packages)} packages of {len(moments)} times cannot be divided into "
            f"{', '.join(shares)} by time with both labels in each; prepare with "
            "data.split=random, or give times that tell more of them apart."
        )
    names = np.array([*shares], dtype=object)
    return pd.Series(names[np.searchsorted(cuts, place, side="right")], index=packages.index)


def _cuts(counts: np.ndarray, shares: list[float]) -> list[int] | None:
    """The first moment of each part but the first, the last part's chosen first; None: none do.

    `counts` [moments, labels] are packages.
    """
    if len(shares) == 1:
        return [] if counts.sum(axis=0).all() else None
    before = np.vstack([np.zeros(len(LABELS), int), counts.cumsum(axis=0)])  # by first moment
    wanted = before[-1].sum() * shares[-1] / sum(shares)
    held = before[-1] - before
    able = (held > 0).all(axis=1) & (before > 0).all(axis=1)
    for cut in sorted(np.flatnonzero(able), key=lambda cut: abs(held[cut].sum() - wanted)):
        earlier = _cuts(counts[:cut], shares[:-1])
        if earlier is not None:
            return [*earlier, int(cut)]
    return None


def times_of_parts(times: pd.Series, splits: pd.Series) -> dict[str, tuple[float, float]]:
    """The oldest and the newest time of each part's packages."""
    return {
        str(name): (float(part.min()), float(part.max())) for name, part in times.groupby(splits)
    }
