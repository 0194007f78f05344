"""Where the models of an experiment looked, as a table for the terminal and for the report."""

from itertools import groupby

import pandas as pd
from rich.markup import escape

from packsight.reporting.attribution_comparison import COMPARED, KEYS, AttributionComparison
from packsight.reporting.leaderboard import number, text
from packsight.reporting.leaderboard_table import camera, model
from packsight.reporting.wording import words
from packsight.system.fitted_table import FittedTable

CAPTION = words("en")("looks.caption")


def attributions_table(attributions: AttributionComparison) -> FittedTable:
    """A row for each model, under its camera; what all share stands in the caption."""
    rows = attributions.rows
    alike = [key for key in KEYS if rows[key].nunique(dropna=False) == 1]
    shared = [f"{key} {value}" for key in alike if (value := text(rows[key].iloc[0]))]
    table = FittedTable(
        "where the models looked",
        ("model", *(name for *_, name in COMPARED)),
        f"{CAPTION} All rows: {', '.join(shared)}.",
    )
    telling = attributions.telling()
    for perspective, configurations in groupby(
        attributions.configurations(), key=lambda configuration: configuration[0]["perspective"]
    ):
        table.add_heading(escape(camera(perspective)))
        for row, cells in configurations:
            values = [_cell(cells.get(compared[:2]), "[dim]", "[/]") for compared in COMPARED]
            table.add_row(model(row, telling), *values)
    return table


def attributions_cells(attributions: AttributionComparison) -> list[list[str]]:
    """The same for the report: camera, model, and a cell for each of `COMPARED`."""
    configurations = attributions.configurations()
    return [
        [row["perspective"], name, *(_cell(cells.get(compared[:2])) for compared in COMPARED)]
        for name, (row, cells) in zip(attributions.names(), configurations, strict=True)
    ]


def _cell(row: pd.Series | None, dim: str = "", end: str = "") -> str:
    """`0.62 0.55–0.70 (0.40)`: the mean, its interval, the region's area."""
    if row is None:
        return ""
    interval = "" if pd.isna(row["low"]) else f" {dim}{row['low']:.2f}–{row['high']:.2f}{end}"
    area = "" if pd.isna(row["area"]) else f" ({row['area']:.2f})"
    return f"{number(row['mean'])}{interval}{area}"
