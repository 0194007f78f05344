"""The table that every stage shares: one row per image, in `manifest.csv`."""

from pathlib import Path

import pandas as pd

from packsight.errors import UserError
from packsight.system.files import replacing

NAME = "manifest.csv"
COLUMNS: tuple[str, ...] = (
    "serial",
    "perspective",
    "label",
    "path",
    "width",
    "height",
    "sha256",
    "split",
    "fold",
    "package_box",
    "damage_boxes",
    "mask",
    "crop",
    "crop_source",
    "upright",
)
_NUMBERS = {"width": "int64", "height": "int64", "fold": "Int64"}


def not_prepared(path: Path) -> UserError:
    return UserError(
        f"{path} is not prepared data (it has no {NAME}); "
        f"run: python scripts/prepare.py data.source={path}"
    )


def read_manifest(folder: Path) -> pd.DataFrame:
    """Read `manifest.csv`: text columns ("" where empty), integer sizes, nullable integer folds.

    Raises UserError where the file is missing, or is not a manifest.
    """
    path = folder / NAME
    if not path.is_file():
        raise not_prepared(folder)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        table["fold"] = pd.to_numeric(table["fold"].replace("", pd.NA))
        table = table[list(COLUMNS)].astype(_NUMBERS)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not a manifest of packsight ({error}); prepare the images again"
        ) from error
    return table


def write_manifest(table: pd.DataFrame, folder: Path) -> None:
    """Write `manifest.csv`, sorted by serial and perspective."""
    ordered = table[list(COLUMNS)].sort_values(["serial", "perspective"])
    with replacing(folder / NAME) as temporary:
        ordered.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
