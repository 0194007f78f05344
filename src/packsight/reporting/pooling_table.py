"""Pooled configurations for the terminal."""

import pandas as pd
from rich.markup import escape

from packsight.reporting.leaderboard import number, text
from packsight.reporting.leaderboard_table import camera, model, rank
from packsight.reporting.pooling import shown
from packsight.system.fitted_table import FittedTable

# What may tell configurations apart, the most telling first.
ORDER = ("fusion", "recipe", "crop", "weights", "precision", "seed", "data", "test", "variant")
CAPTION = (
    "#: rank on validation ({monitors}, mean of the folds) among configurations with the most "
    "folds; it also chose the fusion. On test: accuracy and AUROC with 95% interval by bootstrap "
    "over packages (Wilson's where all are right, and for a single split), recall of damaged / of "
    "intact; moved: accuracy once validation packages have moved the threshold. =: cannot be told "
    "from the best (McNemar's test, Holm's correction). All rows: {shared}."
)


def pooled_table(rows: pd.DataFrame) -> FittedTable:
    """One row per configuration; what all share stands in the caption."""
    rows = shown(rows)
    names = [*telling(rows), "lacks"]
    monitors = " / ".join(name.removeprefix("val/") for name in rows["monitor"].dropna().unique())
    folds = rows["folds"].max()
    alike = [name for name in ORDER if rows[name].nunique(dropna=False) == 1]
    shared = [f"{name} {value}" for name in alike if (value := text(rows[name].iloc[0]))]
    table = FittedTable(
        f"pooled over {folds} folds" if folds > 1 else "cameras fused",
        ("model", "#", monitors, "accuracy", "recalls", "AUROC", "moved"),
        CAPTION.format(monitors=monitors, shared=", ".join(shared)),
    )
    for perspective, of_camera in rows.groupby("perspective", sort=False):
        table.add_heading(escape(camera(perspective)))
        for _, row in of_camera.iterrows():
            table.add_row(
                model(row, names),
                rank(row),
                number(row["monitor_value"], 3),
                _with_interval(row, "accuracy"),
                f"{number(row['recall_damaged'])}/{number(row['recall_intact'])}",
                _with_interval(row, "auroc"),
                _with_interval(row, "calibrated_accuracy"),
            )
    return table


def telling(rows: pd.DataFrame) -> list[str]:
    """The fewest settings, in their order, that tell all rows apart as far as any can."""
    keys = ["perspective", "backbone"]
    for name in ORDER:
        if len(rows.drop_duplicates([*keys, name])) > len(rows.drop_duplicates(keys)):
            keys.append(name)
    return keys[2:]


def _with_interval(row: pd.Series, name: str) -> str:
    """A metric and its 95 % interval: `0.97 0.94–0.99`."""
    value, low, high = number(row[name]), number(row[f"{name}_low"]), number(row[f"{name}_high"])
    return f"{value} [dim]{low}–{high}[/]" if low else value
