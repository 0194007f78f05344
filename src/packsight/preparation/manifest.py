"""The table that every stage shares: one row per image, in `manifest.csv`."""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from packsight.domain import Perspective, Split, parse_boxes, parse_upright
from packsight.errors import UserError
from packsight.system.files import reading, replacing
from packsight.system.tables import read_table

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
# Columns that are written only where some image needs them, so that a manifest without bursts and
# groups is the same file as ever; with what stands for them elsewhere.
FURTHER: dict[str, Any] = {"shot": 0, "group": ""}
KIND, REMEDY = "a manifest of packsight", "prepare the images again"
FARTHEST = 10**6  # pixels
_NUMBERS = {"width": "int64", "height": "int64", "fold": "Int64", "shot": "int64"}


def not_prepared(path: Path) -> UserError:
    return UserError(
        f"{path} is not prepared data (it has no {NAME}); "
        f"run: python scripts/prepare.py data.source={path}"
    )


def read_manifest(folder: Path) -> pd.DataFrame:
    """Read `manifest.csv`: text columns ("" where empty), integer sizes, nullable integer folds.

    `shot` counts the images of one package and camera from 0 on, packages of a `group` are in one
    split and fold. Raises UserError where the file is missing, is not a manifest, or holds what no
    preparation writes: boxes that are none, one shot twice, a package in two splits.
    """
    path = folder / NAME
    if not path.is_file():
        raise not_prepared(folder)
    table = read_table(path, COLUMNS, str, 1, KIND, REMEDY, keep_default_na=False)
    with reading(path, KIND, REMEDY):
        table["fold"] = pd.to_numeric(table["fold"].replace("", pd.NA))
        table = table.assign(
            **{name: value for name, value in FURTHER.items() if name not in table}
        )
        table = table[[*COLUMNS, *FURTHER]].astype(_NUMBERS)
        for name, known in (("perspective", Perspective), ("split", Split)):
            if others := sorted(set(table[name]) - set(known)):
                raise ValueError(f"{name} is {others[0]!r}")
        again = table.duplicated(["serial", "perspective", "shot"])
        if again.any():
            raise ValueError(f"{table['serial'][again.idxmax()]} has two images of one camera")
        if (table["shot"] < 0).any():
            raise ValueError(f"shot is {table['shot'].min()}")
        grouped = table[table["group"] != ""]
        for key, rows, one in (
            ("serial", table, ["label", "split", "fold", "group"]),
            ("group", grouped, ["split", "fold"]),
        ):
            parts = rows.groupby(key)[one].nunique(dropna=False)
            if (parts > 1).any(axis=None):
                name = parts.gt(1).any(axis=1).idxmax()
                raise ValueError(f"{name} is in two splits or folds, or has two labels or groups")
        for row in table.to_dict("records"):
            _check(row)
    return table


def _check(row: dict[str, Any]) -> None:
    """Raise ValueError for a row that no preparation writes."""
    width, height = row["width"], row["height"]
    if not (0 < width < FARTHEST and 0 < height < FARTHEST):
        raise ValueError(f"{row['path']} has {width}×{height} pixels")
    for column in ("path", "mask"):
        place = PurePosixPath(row[column])
        if place.is_absolute() or ".." in place.parts or "\0" in row[column]:
            raise ValueError(f"{column} {row[column]!r} leads out of the data")
    for column in ("package_box", "damage_boxes", "crop"):
        boxes = parse_boxes(row[column])
        inside = all(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for x1, y1, x2, y2 in boxes)
        if not inside or (len(boxes) > 1 and column != "damage_boxes"):
            raise ValueError(f"{column} of {row['path']} is {row[column]!r}")
    if row["upright"]:
        upright = parse_upright(row["upright"])
        if not np.isfinite(upright).all() or min(upright[2:4]) <= 0 or max(upright) > FARTHEST:
            raise ValueError(f"upright of {row['path']} is {row['upright']!r}")


def write_manifest(table: pd.DataFrame, folder: Path) -> None:
    """Write `manifest.csv`, sorted by serial, perspective and shot."""
    used = [name for name, none in FURTHER.items() if name in table and table[name].ne(none).any()]
    order = ["serial", "perspective", *(["shot"] if "shot" in used else [])]
    ordered = table[[*COLUMNS, *used]].sort_values(order)
    with replacing(folder / NAME) as temporary:
        ordered.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
