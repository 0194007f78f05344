"""What training and evaluation left in a run's folder, read again and checked."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from packsight.domain import LABELS, Split
from packsight.errors import UserError
from packsight.system.files import RESTORE, read_json, reading
from packsight.system.tables import read_table

Metrics = dict[str, dict[str, dict[str, Any]]]  # split, part (all, or a camera), metric

SCORED = ("serial", "perspective", "label", "probability", "split")
COUNTED = ("images", "packages")
LARGEST = 1e12  # of any figure; what is larger was never measured


def read_metrics(file: Path) -> Metrics:
    """metrics.json: numbers, None where a metric is not defined, and the counts of confusion.

    Raises UserError if the file is missing or damaged.
    """
    metrics = read_json(file)
    with reading(file, "a run's metrics"):
        for split, parts in _entries(metrics, "the file"):
            for part, values in _entries(parts, split):
                for name, value in _entries(values, part):
                    if name != "confusion":
                        _check(name, value)
    return metrics


def _entries(content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise TypeError(f"{where} holds {type(content).__name__}, not keys and values")
    return content.items()


def _check(name: str, value: Any) -> None:
    """Raise ValueError for what is no figure."""
    kinds = int if name in COUNTED else int | float
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if value is not None and not (number and math.isfinite(value) and abs(value) < LARGEST):
        raise ValueError(f"{name} is {str(value)[:40]!r}")


def read_predictions(folder: Path) -> pd.DataFrame:
    """predictions.csv of a folder, serials as text, a row per package, camera and split.

    Raises UserError if the file is missing or damaged.
    """
    file = folder / "predictions.csv"
    table = read_table(file, SCORED, {"serial": str}, 1, "a run's predictions")
    with reading(file, "a run's predictions"):
        table["probability"] = table["probability"].astype(float)
        if not table["probability"].between(0, 1).all():
            raise ValueError("a probability is not between 0 and 1")
        for column, known in (("label", LABELS), ("split", list(Split))):
            if not table[column].isin(known).all():
                raise ValueError(f"{column} is not {' or '.join(known)} everywhere")
        if table[["serial", "perspective"]].isna().any(axis=None):
            raise ValueError("a row has no serial or perspective")
        if table.duplicated(["serial", "perspective", "split"]).any():
            raise ValueError("a package is in it twice")
        if "shots" in table and not table["shots"].fillna(1).astype(float).ge(1).all():
            raise ValueError("shots is less than 1")
    return table


def check_whole(folder: Path, metrics: Metrics, predictions: pd.DataFrame) -> None:
    """Raise UserError where a run's predictions are not all those that its metrics are of."""
    for split in (Split.VAL, Split.TEST):
        images = metrics.get(split, {}).get("all", {}).get("images")
        found = images_of(predictions[predictions["split"] == split])
        if images is not None and images != found:
            raise UserError(
                f"{folder / 'predictions.csv'} is damaged: it has {found} rows of "
                f"its {split} split, and metrics.json is of {images}; {RESTORE}."
            )
        if not found:
            raise UserError(f"{folder / 'predictions.csv'} has no row of its {split} split.")


def read_history(file: Path) -> pd.DataFrame:
    """history.csv, a row per epoch; empty for a run that has not ended its first epoch.

    Raises UserError if the file is damaged.
    """
    if not file.is_file():
        return pd.DataFrame()
    table = read_table(file, ["epoch"], rows=0, kind="a run's history")
    with reading(file, "a run's history"):
        figures = table.astype(float)
        if (figures.abs() > LARGEST).any(axis=None):  # infinite ones too
            raise ValueError("a figure is larger than any that is measured")
        if not np.array_equal(figures["epoch"], figures["epoch"].round()):
            raise ValueError("an epoch is no whole number")
        return figures.astype({"epoch": "int64"})


def images_of(predictions: pd.DataFrame) -> int:
    """How many images the rows of a table come from: those of a burst are one row."""
    if "shots" not in predictions:
        return len(predictions)
    return int(predictions["shots"].fillna(1).sum())
