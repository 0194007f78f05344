"""An experiment as one self-contained HTML page that opens anywhere, offline."""

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from packsight.domain import Split
from packsight.errors import UserError
from packsight.evaluation.figures import (
    confusion_figure,
    history_figure,
    losses_figure,
    roc_pr_figure,
    score_figure,
)
from packsight.evaluation.results import read_history, read_predictions
from packsight.reporting.attribution_comparison import (
    COMPARED,
    AttributionComparison,
    attributions_figure,
    belt_sentences,
)
from packsight.reporting.attribution_table import CAPTION, attributions_cells
from packsight.reporting.findings import findings
from packsight.reporting.leaderboard import UNREADABLE, number, text, varying
from packsight.reporting.pooling import Pooled, shown
from packsight.system.console import track
from packsight.system.files import replacing
from packsight.system.tables import read_table

SHEET_WIDTH = 1400  # pixels of a contact sheet in the page
SHEET_QUALITY = 78  # of its JPEG, 0..100


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


def write_report(
    experiment: Path,
    frame: pd.DataFrame,
    pooled: Pooled,
    attributions: AttributionComparison | None = None,
) -> Path:
    """Write an experiment's report.html from its leaderboard, pooled runs and explanations."""
    differing = varying(frame)
    runs = [
        _view(experiment, row, differing)
        for _, row in track(frame.iterrows(), "report", total=len(frame))
    ]
    histories = {run.name: run.history for run in runs if len(run.history)}
    rows = shown(pooled.rows)
    environment = Environment(
        loader=PackageLoader("packsight.reporting", ""),
        autoescape=True,  # whatever comes from run folders is text, never markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "text": text, "duration": _duration}
    pooled_rows = [row for _, row in rows.iterrows()] if pooled.tells_more else []
    lows = [*frame["test_accuracy_low"].dropna(), *(row["accuracy_low"] for row in pooled_rows)]
    page = environment.get_template("page.html.j2").render(
        name=experiment.resolve().name,
        runs=runs,
        counts=frame["state"].value_counts().sort_index().to_dict(),
        data=sorted(frame["data"].dropna().unique()),
        packages=int(rows["packages"].max()) if len(rows) else 0,
        findings=[*findings(pooled.rows), *(belt_sentences(attributions) if attributions else [])],
        attributions=_attributions_view(experiment, attributions)
        if attributions and len(attributions.rows)
        else None,
        pooled=pooled_rows,
        pooled_differing=varying(rows),
        differing=differing,
        monitors=[name.removeprefix("val/") for name in frame["monitor"].dropna().unique()],
        # The left end of the interval bars: tenths, with room for every interval.
        floor=math.floor(min([*lows, 0.5]) * 10) / 10,
        losses=_svg(losses_figure(histories)) if histories else None,
    )
    file = experiment / "report.html"
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return file


def _attributions_view(experiment: Path, attributions: AttributionComparison) -> dict[str, Any]:
    """What the page shows of the comparison of attributions."""
    sheets = sorted(experiment.glob("attributions_*.png"))
    return {
        "columns": ["camera", "model", *(name for *_, name in COMPARED)],
        "rows": attributions_cells(attributions),
        "caption": CAPTION,
        "methods": sorted(attributions.rows["method"].unique()),
        "sanity": attributions.sanity,
        "figure": _svg(attributions_figure(attributions)),
        "sheets": {file.stem.removeprefix("attributions_"): _jpeg(file) for file in sheets},
    }


def _view(experiment: Path, row: pd.Series, differing: list[str]) -> RunView:
    folder = experiment / row["folder"]
    parts = [row["backbone"], row["perspective"], *(row[key] for key in differing)]
    name = " · ".join(filter(None, map(text, parts))) or row["folder"]
    readable = row["state"] != UNREADABLE
    history = read_history(folder / "history.csv") if readable else pd.DataFrame()
    test = pd.DataFrame()
    if row["state"] == "done" and (folder / "predictions.csv").is_file():
        table = read_predictions(folder)
        test = table[table["split"] == Split.TEST]

    def picture(draw: Callable[[pd.DataFrame, str], Figure], table: pd.DataFrame) -> str | None:
        return _svg(draw(table, name)) if len(table) else None

    return RunView(
        row=row,
        name=name,
        history=history,
        curves=picture(history_figure, history),
        confusion=picture(confusion_figure, test),
        roc_pr=picture(roc_pr_figure, test),
        scores=picture(score_figure, test),
        sheet=_jpeg(folder / "explanations" / "contact_sheet.png"),
        panels=_panels(folder / "explanations"),
    )


def _panels(folder: Path) -> list[str]:
    """The first panel of each outcome, as pictures."""
    if not (folder / "attributions.csv").is_file():
        return []
    try:
        table = read_table(
            folder / "attributions.csv", ["serial", "perspective", "outcome"], str, 0,
            keep_default_na=False,
        )  # fmt: skip
    except UserError:  # told where the maps are compared
        return []
    names = table["serial"] + "_" + table["perspective"]
    shown = table[[(folder / "panels" / f"{name}.png").is_file() for name in names]]
    first = names[shown.drop_duplicates("outcome").index]
    return [*filter(None, (_jpeg(folder / "panels" / f"{name}.png") for name in first))]


def _svg(figure: Figure) -> str:
    """A data URI; as the source of an <img>, an SVG can neither run scripts nor load anything."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _uri("image/svg+xml", buffer.getvalue())


def _jpeg(file: Path) -> str | None:
    """A picture as a smaller JPEG's data URI; None where it is missing or unreadable."""
    buffer = BytesIO()
    try:
        with Image.open(file) as image:
            sheet = image.convert("RGB")
            sheet.thumbnail((SHEET_WIDTH, sheet.height))
            sheet.save(buffer, "JPEG", quality=SHEET_QUALITY, optimize=True)
    except OSError:
        return None
    return _uri("image/jpeg", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _duration(seconds: float) -> str:
    """`1 h 02 min`, `3 min 20 s` or `45 s`; empty where it is unknown."""
    if pd.isna(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
