"""Who is held out: a function of serial, label, group, time and seed, never of order or machine."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from packsight.domain import LABELS, Split, SplitBy
from packsight.errors import UserError
from packsight.preparation.time_order import carve_newest
from packsight.preparation.units import are_grouped, counts_of, deal, mend, units_of


@dataclass(frozen=True)
class SplitSettings:
    """What decides who is held out."""

    fractions: Mapping[str, float] = field(
        default_factory=lambda: {"train": 0.70, "val": 0.15, "test": 0.15}
    )
    folds: int = 5
    split_seed: int = 0
    split: str = SplitBy.RANDOM

    def values(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return self.traced() | {"split": str(self.split)}

    def traced(self) -> dict[str, Any]:
        """The same as part of what prepared data are made from, where earlier ones had no split."""
        fractions = {name: float(share) for name, share in self.fractions.items()}
        known = {"fractions": fractions, "folds": self.folds, "split_seed": self.split_seed}
        return known if self.split == SplitBy.RANDOM else known | {"split": str(self.split)}


def hash_order(serials: Iterable[str], seed: int) -> list[str]:
    """Serials in a random order that depends on nothing but each serial and the seed."""
    return sorted(serials, key=lambda serial: hashlib.sha256(f"{seed}:{serial}".encode()).digest())


def assign_splits(packages: pd.DataFrame, fractions: Mapping[str, float], seed: int) -> pd.Series:
    """The split of each package, stratified by label, at least one package per label and split.

    `packages` is indexed by serial, with columns `label` and, where the source brought a split,
    `split` ("train", "val", "test" or ""). The validation and test parts that the source brings
    are kept, and what it does not bring is carved from the rest. Packages of one `group` stay
    together, and with a column `time` the newest are held out. Raises UserError for fractions that
    do not add up to 1, and for a label with fewer packages, or groups of them, than splits.
    """
    names = [split.value for split in Split]
    if (
        sorted(fractions) != sorted(names)
        or min(fractions.values()) <= 0
        or abs(sum(fractions.values()) - 1) > 1e-6
    ):
        raise UserError(
            f"data.fractions is {dict(fractions)}; give train, val and test positive shares that "
            "add up to 1."
        )
    nothing = pd.Series("", index=packages.index, dtype=object)
    splits = packages.get("split", nothing).astype(object).rename("split")
    held_out = splits.isin(names[1:])
    shares = {name: fractions[name] for name in names if name not in set(splits[held_out])}
    rest = packages.loc[hash_order(packages.index[~held_out], seed)]
    if "time" in packages:
        splits[rest.index] = carve_newest(rest, shares)
    elif are_grouped(rest):
        splits[rest.index] = _deal_groups(rest, shares, seed)
    else:
        splits[rest.index] = _carve(rest["label"], shares)
    return splits


def assign_folds(packages: pd.DataFrame, folds: int, seed: int) -> pd.Series:
    """The fold (Int64) of each package, balanced in size and label.

    <NA> for the test part that the source brought. Packages of one `group` stay together. Raises
    UserError if a label has fewer packages, or groups of them, than there are folds.
    """
    result = pd.Series(pd.NA, index=packages.index, name="fold", dtype="Int64")
    divided = packages[~_brought_test(packages)]
    if are_grouped(divided) and folds >= 2:
        dealt_groups = _deal_groups(divided, {str(fold): 1.0 for fold in range(folds)}, seed)
        result[divided.index] = dealt_groups.astype(int)
        return result
    labels = divided["label"]
    counts = {label: int((labels == label).sum()) for label in LABELS}
    if not 2 <= folds <= min(counts.values()):
        raise UserError(
            f"data.folds={folds} is not possible with {_numbers(counts)}; choose at least 2 and "
            f"at most {min(counts.values())}, the packages of the rarer label."
        )
    # Dealt in one go over all labels, so that one label's remainder goes where another's ended.
    dealt = [s for label in LABELS for s in hash_order(labels.index[labels == label], seed)]
    result[dealt] = np.arange(len(dealt)) % folds
    return result


def fold_splits(manifest: pd.DataFrame, fold: int, settings: SplitSettings) -> pd.Series:
    """The split of each row of a manifest when the packages of this fold are the test set.

    Validation is carved from the next fold, and where that is not enough from those after it, so
    that all folds together choose by many packages and not by the same few again and again. Rows
    of the source's own test part get "". Raises UserError if the manifest has no such fold.
    """
    if settings.split != SplitBy.RANDOM:
        raise UserError(
            f"data.fold={fold} is no part of this data, of which data.split={settings.split} holds "
            "out the newest packages: a fold would be tested by what came after it; leave "
            "data.fold out, or prepare with data.split=random."
        )
    packages = manifest.drop_duplicates("serial").set_index("serial")
    folds = sorted(packages["fold"].dropna().unique())
    if fold not in folds:
        known = f"0 … {folds[-1]}" if folds else "none (too few packages or groups)"
        raise UserError(f"data.fold={fold} is not a fold of this data, which has {known}.")
    splits = packages["fold"].eq(fold).map({True: Split.TEST.value}).fillna("")
    others = packages[packages["fold"].ne(fold).fillna(False)]
    others = others.loc[hash_order(others.index, settings.split_seed)]
    # What is cut last is validation: the next fold, whose number is one more.
    rest = others.iloc[((fold - others["fold"]) % len(folds)).argsort(kind="stable")]
    shares = {name: settings.fractions[name] for name in (Split.TRAIN.value, Split.VAL.value)}
    carve = _carve_groups if are_grouped(rest) else lambda rows, parts: _carve(rows["label"], parts)
    splits[rest.index] = carve(rest, shares)
    return manifest["serial"].map(splits).rename("split")


def fewer_to_train(manifest: pd.DataFrame, share: float, seed: int) -> pd.Series:
    """The split of each row, with this share of each label's training packages; "" for the rest.

    A smaller share is part of a larger one. At least one package of a label stays.
    """
    packages = manifest.drop_duplicates("serial").set_index("serial")
    training = packages["label"][packages["split"].eq(Split.TRAIN)]
    left_out: list[str] = []
    for label in LABELS:
        order = hash_order(training.index[training == label], seed)
        left_out += order[max(1, round(share * len(order))) :]
    return manifest["split"].mask(manifest["serial"].isin(left_out), "").rename("split")


def _brought_test(packages: pd.DataFrame) -> pd.Series:
    """Whether each package is in the test part that the source brought."""
    if "split" not in packages:
        return pd.Series(False, index=packages.index)
    return packages["split"].eq(Split.TEST.value)


def _deal_groups(packages: pd.DataFrame, shares: Mapping[str, float], seed: int) -> pd.Series:
    """The part of each package, groups whole: the largest first, of equal ones by the seed."""
    units = units_of(packages)
    counts = counts_of(units, packages["label"])
    place = {unit: place for place, unit in enumerate(hash_order(counts.index, seed))}
    sizes = counts.sum(axis=1)
    order = sorted(counts.index, key=lambda unit: (-sizes[unit], place[unit]))
    parts = deal(counts, list(shares.values()), order)
    if parts is None:
        raise _too_few_groups(counts, list(shares))
    return units.map(parts).map(dict(enumerate(shares)))


def _carve_groups(packages: pd.DataFrame, shares: Mapping[str, float]) -> pd.Series:
    """Groups whole, the last ones for the second part while that brings it nearer to its share."""
    units = units_of(packages)
    counts = counts_of(units, packages["label"])
    wanted = np.outer(np.array([*shares.values()]) / sum(shares.values()), counts.sum())
    parts, held = pd.Series(0, index=counts.index), np.zeros(len(LABELS))
    for unit in reversed(units.drop_duplicates().tolist()):
        more = held + counts.loc[unit].to_numpy()
        if ((more - wanted[1]) ** 2).sum() < ((held - wanted[1]) ** 2).sum():
            parts[unit], held = 1, more
    if not mend(parts, counts, wanted):
        raise _too_few_groups(counts, list(shares))
    return units.map(parts).map(dict(enumerate(shares)))


def _too_few_groups(counts: pd.DataFrame, parts: Sequence[str]) -> UserError:
    groups = " and ".join(f"{(counts[label] > 0).sum()} with {label} packages" for label in LABELS)
    into = ", ".join(parts) if set(parts) <= set(Split) else f"{len(parts)} folds"
    return UserError(
        f"no group is parted, and there are too few of them to divide into {into} with both labels "
        f"in each ({groups}); give smaller groups, or leave the group out."
    )


def _carve(labels: pd.Series, fractions: dict[str, float]) -> pd.Series:
    """Cut each label's serials, in the order given, into parts of these relative sizes."""
    counts = {label: int((labels == label).sum()) for label in LABELS}
    if min(counts.values()) < len(fractions):
        raise UserError(
            f"there are {_numbers(counts)} to divide into {', '.join(fractions)}; each label "
            f"needs at least {len(fractions)} packages, one for each."
        )
    parts = pd.Series("", index=labels.index, dtype=object)
    for label, count in counts.items():
        sizes = _sizes(count, list(fractions.values()))
        parts[labels == label] = np.repeat(list(fractions), sizes)
    return parts


def _sizes(count: int, shares: list[float]) -> np.ndarray:
    """Whole numbers nearest to the shares of `count` (largest remainder), none of them zero."""
    quotas = count * np.array(shares) / sum(shares)
    sizes = np.floor(quotas).astype(int)
    by_remainder = np.argsort(-(quotas - sizes), kind="stable")
    sizes[by_remainder[: count - sizes.sum()]] += 1
    while not sizes.all():
        sizes[sizes.argmin()] += 1
        sizes[sizes.argmax()] -= 1
    return sizes


def _numbers(counts: dict[str, int]) -> str:
    return " and ".join(f"{count} {label} packages" for label, count in counts.items())
