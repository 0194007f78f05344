"""Pooled configurations for the terminal."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from packsight.reporting.leaderboard import number, text
from packsight.reporting.pooling import shown

# What may tell configurations apart, the most telling first.
ORDER = ("fusion", "recipe", "crop", "weights", "precision", "seed", "data", "test", "variant")
CAPTION = (
    "#: rank on validation ({monitors}, mean of the folds) among configurations with the most "
    "folds; it also chose the fusion. On test: accuracy and AUROC with 95% interval by bootstrap "
    "over packages (Wilson's where all are right, and for a single split), recall of damaged / of "
    "intact; moved: accuracy once validation packages have moved the threshold. All rows: {shared}."
)


def pooled_table(rows: pd.DataFrame) -> Table:
    """One row per configuration, for 80 columns; what all share stands in the caption."""
    rows = shown(rows)
    telling = _telling(rows)
    monitors = " / ".join(name.removeprefix("val/") for name in rows["monitor"].dropna().unique())
    folds = rows["folds"].max()
    title = f"pooled over {folds} folds" if folds > 1 else "cameras fused"
    table = Table(
        title=title, title_justify="left", caption_justify="left",
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    table.add_column("camera", no_wrap=True)
    table.add_column("#", justify="right")
    table.add_column("model", overflow="fold", min_width=10)
    # Where the terminal is narrow, an interval goes below its figure.
    for name in (escape(monitors), "accuracy", "recalls", "AUROC", "moved"):
        table.add_column(name, justify="right", min_width=5 if name == monitors else 9)
    for perspective, of_camera in rows.groupby("perspective", sort=False):
        for _, row in of_camera.iterrows():
            table.add_row(
                escape(text(perspective)),
                text(row["rank"]),
                escape(", ".join([text(row["backbone"]), *_words(row, [*telling, "lacks"])])),
                number(row["monitor_value"], 3),
                _with_interval(row, "accuracy"),
                f"{number(row['recall_damaged'])}/{number(row['recall_intact'])}",
                _with_interval(row, "auroc"),
                _with_interval(row, "calibrated_accuracy"),
            )
        table.add_section()
    alike = [name for name in ORDER if rows[name].nunique(dropna=False) == 1]
    shared = [f"{name} {value}" for name in alike if (value := text(rows[name].iloc[0]))]
    table.caption = escape(CAPTION.format(monitors=monitors, shared=", ".join(shared)))
    return table


def _telling(rows: pd.DataFrame) -> list[str]:
    """The fewest settings, in their order, that tell all rows apart as far as any can."""
    keys = ["perspective", "backbone"]
    for name in ORDER:
        if len(rows.drop_duplicates([*keys, name])) > len(rows.drop_duplicates(keys)):
            keys.append(name)
    return keys[2:]


def _words(row: pd.Series, names: list[str]) -> list[str]:
    """What the settings say; numbers and what is missing with their name."""
    plain = ("fusion", "recipe", "precision", "test")
    return [
        value if name in plain else f"{name} {value}"
        for name in names
        if (value := text(row[name]))
    ]


def _with_interval(row: pd.Series, name: str) -> str:
    """A metric and its 95 % interval: `0.97 0.94–0.99`."""
    value, low, high = number(row[name]), number(row[f"{name}_low"]), number(row[f"{name}_high"])
    return f"{value} [dim]{low}–{high}[/]" if low else value
