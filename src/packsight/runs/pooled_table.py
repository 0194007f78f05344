"""Pooled configurations for the terminal."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from packsight.runs.leaderboard import SETTINGS, number, text
from packsight.runs.pooled import shown

CAPTION = (
    "#: rank on validation ({monitors}, mean of the folds) among configurations with the most "
    "folds; it also chose the fusion. On test: accuracy and AUROC with 95% interval by bootstrap "
    "over packages (Wilson's where all are right, and for a single split), recall of damaged and "
    "of intact; calibrated: accuracy once validation has moved the threshold. All rows: {shared}."
)


def pooled_table(rows: pd.DataFrame) -> Table:
    """One row per configuration, for 100 columns; what all share stands in the caption."""
    rows = shown(rows)
    settings = ["fusion", "test", *(name for name in SETTINGS if name in rows), "lacks"]
    differing = [name for name in settings if rows[name].nunique(dropna=False) > 1]
    monitors = " / ".join(name.removeprefix("val/") for name in rows["monitor"].dropna().unique())
    folds = rows["folds"].max()
    title = f"pooled over {folds} folds" if folds > 1 else "cameras fused"
    table = Table(
        title=title, title_justify="left", caption_justify="left",
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    table.add_column("camera", no_wrap=True)
    table.add_column("#", justify="right")
    table.add_column("configuration", overflow="fold")
    for name in (escape(monitors), "accuracy", "damaged", "intact", "AUROC", "calibrated"):
        table.add_column(name, justify="right", no_wrap=True)
    for perspective, of_camera in rows.groupby("perspective", sort=False):
        for _, row in of_camera.iterrows():
            table.add_row(
                escape(text(perspective)),
                text(row["rank"]),
                escape(", ".join([text(row["backbone"]), *_words(row, differing)])),
                number(row["monitor_value"], 3),
                _with_interval(row, "accuracy"),
                number(row["recall_damaged"]),
                number(row["recall_intact"]),
                _with_interval(row, "auroc"),
                _with_interval(row, "calibrated_accuracy"),
            )
        table.add_section()
    shared = _words(rows.iloc[0], [name for name in settings if name not in differing])
    table.caption = escape(CAPTION.format(monitors=monitors, shared=", ".join(shared)))
    return table


def _words(row: pd.Series, names: list[str]) -> list[str]:
    """`crop package` for each setting that is not empty."""
    return [f"{name} {value}" for name in names if (value := text(row[name]))]


def _with_interval(row: pd.Series, name: str) -> str:
    """A metric and its 95 % interval: `0.97 0.94–0.99`."""
    value, low, high = number(row[name]), number(row[f"{name}_low"]), number(row[f"{name}_high"])
    return f"{value} [dim]{low}–{high}[/]" if low else value
