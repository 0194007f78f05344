"""The leaderboard for the terminal."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.markup import escape

from packsight.domain import Perspective
from packsight.reporting.leaderboard import SETTINGS, number, text, varying
from packsight.system.fitted_table import FittedTable

# Those whose values need no name beside them.
PLAIN = ("fusion", "recipe", "precision", "test", "method")
CAMERAS = {"top": "top camera", "side": "side camera", "both": "both cameras",
           "pair": "pairs of images"}  # fmt: skip


def leaderboard_table(frame: pd.DataFrame) -> FittedTable:
    """The leaderboard for the terminal; what all runs share stands in its caption."""
    differing = varying(frame)
    monitors = " / ".join(name.removeprefix("val/") for name in frame["monitor"].dropna().unique())
    alike = [name for name in SETTINGS if frame[name].nunique(dropna=False) == 1]
    shared = [f"{name} {value}" for name in alike if (value := text(frame[name].iloc[0]))]
    packages = "–".join(sorted({text(count) for count in frame["test_packages"].dropna()}))
    table = FittedTable(
        "leaderboard",
        ("model", "#", monitors, "accuracy", "damaged", "intact", "AUROC"),
        f"#: rank by {monitors} on validation; =: cannot be told from the best on test (McNemar, "
        "Holm). Accuracy with 95% interval, recall of damaged and of intact, AUROC: "
        f"{packages or 'no'} test packages. All runs: {', '.join(shared)}.",
    )
    for perspective, runs in frame.groupby("perspective", dropna=False):
        table.add_heading(escape(camera(perspective)))
        for _, run in runs.iterrows():
            finished = run["state"] == "done"
            table.add_row(
                model(run, differing) + _warning(run),
                rank(run),
                number(run["monitor_value"], 3),
                _interval(run) if finished else escape(text(run["state"])),
                number(run["test_recall_damaged"]),
                number(run["test_recall_intact"]),
                number(run["test_auroc"], 3),
            )
            for part in Perspective:
                if not pd.isna(accuracy := run[f"test_accuracy_{part}"]):
                    table.add_row(f"  its {part} images", "", "", number(accuracy), "", "", "")
    return table


def camera(perspective: Any) -> str:
    """What a perspective's rows stand under."""
    return CAMERAS.get(text(perspective), text(perspective))


def model(row: pd.Series, differing: Sequence[str]) -> str:
    """A model's cell, as markup: its backbone, then the settings that tell it from others."""
    words = [
        value if name in PLAIN else f"{name}={value}"
        for name in differing
        if (value := text(row[name]))
    ]
    settings = f" [dim]{escape(', '.join(words))}[/]" if words else ""
    return escape(text(row["backbone"])) + settings


def rank(row: pd.Series) -> str:
    """A rank by validation: `2`, or `2=` of what cannot be told from the best on test."""
    tied = row.get("tied", False)
    mark = (
        "=" if not pd.isna(tied) and tied and not pd.isna(row["rank"]) and row["rank"] > 1 else ""
    )
    return text(row["rank"]) + mark


def _warning(run: pd.Series) -> str:
    return f" [red]! belt {run['belt_share']:.2f}[/]" if run["leans_on_belt"] else ""


def _interval(run: pd.Series) -> str:
    """Test accuracy and its 95 % interval: `0.95 0.76–0.99`."""
    accuracy, low, high = (run[f"test_accuracy{end}"] for end in ("", "_low", "_high"))
    return "" if pd.isna(accuracy) else f"{accuracy:.2f} [dim]{low:.2f}–{high:.2f}[/]"
