"""The packages that an export is verified on: those that its models have not learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from packsight.deployment.serving import Serving
from packsight.domain import LABELS, Split
from packsight.errors import UserError
from packsight.preparation.manifest import NAME
from packsight.preparation.prepared import stored_split_settings
from packsight.preparation.splits import fold_splits
from packsight.runs.saved import Run
from packsight.system.files import sha256

Package = tuple[str, dict[str, Path]]  # serial, and the file of each camera


@dataclass(frozen=True)
class Known:
    """Packages of the runs' own data, and what each run knows of them."""

    compared: Sequence[Package]  # of validation or test of any run
    damaged: Mapping[str, bool]  # by serial
    # Packages that some members of each part have as validation packages, by the places of these
    # members: what the other members say of them counts for nothing, for they learned from them.
    validation: Mapping[tuple[tuple[int, ...], ...], Sequence[Package]]
    training: Mapping[str, Sequence[Package]]  # by a run's name


def known_packages(serving: Serving, root: Path, table: pd.DataFrame) -> Known:
    """From the manifest of the data in `root`. Raises UserError where it is not the runs' own."""
    whole, table = table, table[table["perspective"].isin(serving.cameras)]
    held: dict[str, dict[str, Path]] = {}
    for row in table.itertuples():
        # Of a burst the first, for the line decides on one image of each camera.
        held.setdefault(row.serial, {}).setdefault(row.perspective, root / row.path)
    splits = {run.name: _splits(run, whole, root) for runs in serving.runs.values() for run in runs}
    later = {Split.VAL.value, Split.TEST.value}
    later_in = {s for of in splits.values() for s, split in of.items() if split in later}
    compared = sorted(later_in & set(held))
    groups: dict[tuple[tuple[int, ...], ...], list[Package]] = {}
    for serial in compared:
        key = tuple(
            tuple(
                place
                for place, run in enumerate(runs)
                if splits[run.name].get(serial) == Split.VAL.value
            )
            for runs in serving.runs.values()
        )
        if all(key):
            groups.setdefault(key, []).append((serial, held[serial]))
    training = {
        name: [(serial, held[serial]) for serial in sorted(of) if of[serial] == Split.TRAIN.value]
        for name, of in splits.items()
    }
    labels = table.drop_duplicates("serial").set_index("serial")["label"]
    damaged = {serial: label == LABELS[1] for serial, label in labels.items()}
    return Known([(serial, held[serial]) for serial in compared], damaged, groups, training)


def _splits(run: Run, table: pd.DataFrame, root: Path) -> dict[str, str]:
    """The split of each package in a run's training.

    A run of an older version does not say it, but its configuration does, with the same data.
    """
    members = run.members
    if members is None:
        if sha256(root / NAME) != run.config.manifest:
            raise UserError(
                f"{run.checkpoint} was written by an older version, which did not note its "
                f"packages, and {root} is not what it was trained on, so its export cannot be "
                "verified; give its data with source=, or train it again."
            )
        fold = run.config.data.fold
        split = table["split"]
        if fold is not None:
            split = fold_splits(table, fold, stored_split_settings(root))
        return dict(zip(table["serial"], split, strict=True))
    missing = sorted(set(members["sha256"]) - set(table["sha256"]))
    if missing:
        raise UserError(
            f"{root} lacks {len(missing)} of {len(members)} images that {run.title} was trained on "
            "or chosen by, and an export is verified on them; give its data with source=."
        )
    return dict(zip(members["serial"], members["split"], strict=True))
