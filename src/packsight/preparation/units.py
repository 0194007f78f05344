"""What no split parts: the packages of one group, and those with one time where time decides."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from packsight.domain import LABELS


def joined_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each package, from (serial, group) of its images; "" for none.

    Groups that share a package are one, with the name of the first of them.
    """
    found = pd.DataFrame([*pairs], columns=["serial", "group"]).drop_duplicates()
    told = found[found["group"] != ""]
    groups = dict.fromkeys(found["serial"], "")
    if told.empty:
        return groups
    serials, row = np.unique(told["serial"], return_inverse=True)
    names, column = np.unique(told["group"], return_inverse=True)
    size = len(serials) + len(names)
    links = coo_array((np.ones(len(told)), (row, column + len(serials))), shape=(size, size))
    _, part = connected_components(links, directed=False)
    own, named = part[: len(serials)], part[len(serials) :]
    first = dict(zip(named[::-1], names[::-1], strict=True))
    return groups | {serial: str(first[at]) for serial, at in zip(serials, own, strict=True)}


def are_grouped(packages: pd.DataFrame) -> bool:
    """Whether any two packages, a row each, must stay together."""
    if "group" not in packages:
        return False
    groups = packages["group"][packages["group"] != ""]
    return bool(groups.duplicated().any())


def units_of(packages: pd.DataFrame) -> pd.Series:
    """What each package, by serial, stays with: a name that its group has alone, or it alone."""
    alone = "serial " + packages.index.to_series().astype(str)
    if "group" not in packages:
        return alone
    return alone.where(packages["group"] == "", "group " + packages["group"])


def counts_of(units: pd.Series, labels: pd.Series) -> pd.DataFrame:
    """Packages of each label, a column each, in each unit."""
    counts = pd.crosstab(units.to_numpy(), labels.to_numpy())
    return counts.reindex(columns=list(LABELS), fill_value=0)


def deal(counts: pd.DataFrame, shares: Sequence[float], order: Sequence[str]) -> pd.Series | None:
    """Which part each unit of `counts_of` goes to, so that labels come near these shares.

    Units are dealt in `order`. None where a part would be left without a label.
    """
    wanted = np.outer(np.array(shares) / sum(shares), counts.sum())  # [parts, labels]
    held, dealt = np.zeros_like(wanted), []
    for unit in counts.loc[list(order)].to_numpy():
        dealt.append(int(_costs(held, wanted, unit).argmin()))
        held[dealt[-1]] += unit
    parts = pd.Series(dealt, index=list(order))
    return parts if mend(parts, counts, wanted) else None


def mend(parts: pd.Series, counts: pd.DataFrame, wanted: np.ndarray) -> bool:
    """Move units to parts that lack a label, the cheapest first; whether none lacks one then.

    `wanted` [parts, labels] is what each should hold. `parts` is changed in place.
    """
    for _ in range(wanted.size + 1):  # each move fills a place and empties none
        held = np.array(
            [counts[parts.reindex(counts.index) == part].sum() for part in range(len(wanted))]
        )
        lacking = np.argwhere(held == 0)
        if not len(lacking):
            return True
        part, label = lacking[0]
        best: tuple[float, str] | None = None
        for unit in counts.index[counts.iloc[:, label] > 0]:
            own = counts.loc[unit].to_numpy()
            left = held[parts[unit]] - own
            if parts[unit] != part and left[held[parts[unit]] > 0].all():
                moved = held.copy()
                moved[parts[unit]] -= own
                moved[part] += own
                price = float((((moved - wanted) / wanted.sum(axis=0)) ** 2).sum())
                best = min(best or (price, unit), (price, unit))
        if best is None:
            return False
        parts[best[1]] = part
    return False


def _costs(held: np.ndarray, wanted: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """For each part how much further from what is wanted all would be with a unit in it."""
    scale = np.maximum(wanted.sum(axis=0), 1)
    before, after = ((held - wanted) / scale) ** 2, ((held + unit - wanted) / scale) ** 2
    return (after - before).sum(axis=1)
