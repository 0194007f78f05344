"""One run as the page shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from packsight.domain import Split
from packsight.evaluation.figures import (
    confusion_figure,
    history_figure,
    roc_pr_figure,
    score_figure,
)
from packsight.evaluation.results import read_history, read_predictions
from packsight.reporting.leaderboard import UNREADABLE, text
from packsight.reporting.looks import Look, run_looks
from packsight.reporting.pictures import jpeg, panels, svg
from packsight.reporting.wording import Words


@dataclass(frozen=True)
class RunView:
    """What the page shows of one run; pictures are data URIs, None where there is none."""

    row: pd.Series
    name: str
    history: pd.DataFrame
    curves: str | None
    confusion: str | None
    roc_pr: str | None
    scores: str | None
    sheet: str | None
    panels: list[str]
    looks: list[Look]  # in the place of both, where what explained them wrote pictures alone


def run_view(experiment: Path, row: pd.Series, differing: list[str], say: Words) -> RunView:
    """What a run's folder holds; `differing` settings tell it from the other runs."""
    folder = experiment / row["folder"]
    perspective = say.named("camera", text(row["perspective"]))
    parts = [row["backbone"], perspective, *(row[key] for key in differing)]
    name = " · ".join(filter(None, map(text, parts))) or row["folder"]
    readable = row["state"] != UNREADABLE
    history = read_history(folder / "history.csv") if readable else pd.DataFrame()
    test = pd.DataFrame()
    if row["state"] == "done" and (folder / "predictions.csv").is_file():
        table = read_predictions(folder)
        test = table[table["split"] == Split.TEST]

    def picture(draw: Callable[[pd.DataFrame, str], Figure], table: pd.DataFrame) -> str | None:
        return svg(draw(table, name), say) if len(table) else None

    explanations = folder / "explanations"
    looks = run_looks(explanations, say)
    return RunView(
        row=row,
        name=name,
        history=history,
        curves=picture(history_figure, history),
        confusion=picture(confusion_figure, test),
        roc_pr=picture(roc_pr_figure, test),
        scores=picture(score_figure, test),
        sheet=None if looks else jpeg(explanations / "contact_sheet.png"),
        panels=[] if looks else panels(explanations),
        looks=looks,
    )
