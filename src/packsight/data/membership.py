"""Which images a model learned from, was chosen by and was tested on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from packsight.domain import Split
from packsight.system.files import replacing

NAME = "packages.csv"
COLUMNS = ["serial", "perspective", "label", "sha256", "split"]
# What a model has learned from, or was chosen by, when a split is scored.
EARLIER = {
    Split.TRAIN: (),
    Split.VAL: (Split.TRAIN.value,),
    Split.TEST: (Split.TRAIN.value, Split.VAL.value),
}


def members(table: pd.DataFrame) -> pd.DataFrame:
    """The images of a manifest that are in a split, columns COLUMNS."""
    return table.loc[table["split"].isin(list(Split)), COLUMNS].reset_index(drop=True)


def members_from(checkpoint: Mapping[str, Any]) -> pd.DataFrame | None:
    """The images that a checkpoint of packsight names; None for one from before they were named."""
    packages = checkpoint.get("packages")
    return None if packages is None else pd.DataFrame(packages, columns=COLUMNS)


def write_members(table: pd.DataFrame, folder: Path) -> None:
    """Write packages.csv."""
    with replacing(folder / NAME) as temporary:
        table.to_csv(temporary, index=False)


def known_before(known: pd.DataFrame, table: pd.DataFrame, split: Split) -> list[str]:
    """Serials of a split of a manifest that a model knew before, by serial or by content."""
    earlier = known[known["split"].isin(EARLIER[split])]
    asked = table[table["split"] == split]
    again = asked["serial"].isin(earlier["serial"]) | asked["sha256"].isin(earlier["sha256"])
    return sorted(set(asked["serial"][again]))
