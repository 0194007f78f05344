"""Packages divided into splits and folds, by what their images say of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from packsight.domain import Split, SplitBy
from packsight.errors import UserError
from packsight.preparation.scan import UsableImage
from packsight.preparation.splits import SplitSettings, assign_folds, assign_splits
from packsight.preparation.time_order import times_of_parts
from packsight.preparation.times import package_times, shown
from packsight.preparation.units import joined_groups, units_of

HELD_OUT = (Split.TEST, Split.VAL, Split.TRAIN, "")  # a source's parts, what counts most first


@dataclass(frozen=True)
class Division:
    """packages: by serial, with label, group, split and fold. told: what is to be known of it."""

    packages: pd.DataFrame
    told: list[str] = field(default_factory=list)
    times: dict[str, list[str]] = field(default_factory=dict)  # each split's oldest and newest


def divide(images: Sequence[UsableImage], root: Path, settings: SplitSettings) -> Division:
    """Splits and folds of packages of which the files lie below `root`.

    Raises UserError for packages that cannot be divided, or that have no time where it decides.
    """
    packages = packages_of(images)
    told = _moved(images, packages)
    times: dict[str, list[str]] = {}
    if settings.split != SplitBy.RANDOM:
        packages["time"] = package_times(images, root, SplitBy(settings.split))
    splits = assign_splits(packages, settings.fractions, settings.split_seed)
    if settings.split != SplitBy.RANDOM:
        parts = times_of_parts(packages["time"], splits)
        for name in Split:
            if name in parts:
                times[name.value] = [shown(time) for time in parts[name]]
        spans = ", ".join(f"{name} {first} … {last}" for name, (first, last) in times.items())
        told.append(f"by the times of the newest images (UTC where no zone is told): {spans}")
        told.append(f"no folds: data.split={settings.split} tests what is newest alone")
    folds = pd.Series(pd.NA, index=packages.index, dtype="Int64")
    rarest = packages["label"][packages["split"] != Split.TEST].value_counts().min()
    if settings.split == SplitBy.RANDOM and settings.folds > rarest:
        told.append(f"no folds: a label has fewer than data.folds={settings.folds} packages")
    elif settings.split == SplitBy.RANDOM:
        try:
            folds = assign_folds(packages, settings.folds, settings.split_seed)
        except UserError as reason:  # of groups
            told.append(f"no folds: {reason}")
    return Division(packages.assign(split=splits, fold=folds), told, times)


def packages_of(images: Sequence[UsableImage]) -> pd.DataFrame:
    """A row per package, by serial: label, group ("" for none) and `split`, what the source says.

    A package with any image in the source's test part belongs there altogether, and so does all of
    its group.
    """
    table = pd.DataFrame(
        [(image.serial, image.label, image.part) for image in images],
        columns=["serial", "label", "split"],
    )
    packages = table.groupby("serial").agg({"label": "first", "split": _first_part})
    groups = joined_groups((image.serial, image.group) for image in images)
    packages["group"] = packages.index.map(groups)
    packages["split"] = packages.groupby(units_of(packages))["split"].transform(_first_part)
    return packages


def _moved(images: Sequence[UsableImage], packages: pd.DataFrame) -> list[str]:
    """What is to be known of groups that the source does not keep apart."""
    told = []
    parts = pd.Series([image.part for image in images], [image.serial for image in images])
    own = parts.groupby(level=0).agg(_first_part)
    if moved := int((own != packages["split"]).sum()):
        told.append(f"{moved} packages go with their group, of which the source holds others out")
    joined = {image.group for image in images} - set(packages["group"]) - {""}
    if joined:
        told.append(
            f"groups that share packages are one: {len(joined)} stand under another's name, such "
            f"as {min(joined)}"
        )
    return told


def _first_part(parts: pd.Series) -> str:
    return str(min(parts, key=HELD_OUT.index))
