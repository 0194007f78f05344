"""An experiment as one self-contained HTML page that opens anywhere, offline."""

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from packsight.console import track
from packsight.data.manifest import Split
from packsight.evaluation.figures import (
    confusion_figure,
    history_figure,
    losses_figure,
    roc_pr_figure,
    score_figure,
)
from packsight.evaluation.metrics import wilson_interval
from packsight.files import replacing
from packsight.runs.leaderboard import (
    SETTINGS,
    collect,
    number,
    pool_folds,
    read_history,
    text,
    varying,
)

CAMERAS = {"top": "the top camera", "side": "the side camera", "both": "both cameras"}
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


def write_report(experiment: Path) -> Path:
    """Write an experiment's report.html from what its runs have left so far.

    Raises UserError if there is no run.
    """
    frame = collect(experiment)
    differing = varying(frame)
    rows = [row for _, row in frame.iterrows()]
    runs = [_view(experiment, row, differing) for row in track(rows, "report")]
    histories = {run.name: run.history for run in runs if len(run.history)}
    pooled = pool_folds(frame)
    environment = Environment(
        loader=PackageLoader("packsight.runs", ""),
        autoescape=True,  # whatever comes from run folders is text, never markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "text": text, "duration": _duration}
    lows = frame["test_accuracy_low"].dropna()
    page = environment.get_template("report.html.j2").render(
        name=experiment.resolve().name,
        runs=runs,
        counts=frame["state"].value_counts().sort_index().to_dict(),
        data=sorted(frame["data"].dropna().unique()),
        packages=int(pooled["packages"].max()) if len(pooled) else 0,
        findings=findings(pooled),
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


def findings(pooled: pd.DataFrame) -> list[str]:
    """Plain sentences on what the numbers say, and on how sure they can be."""
    sentences = []
    settings = [name for name in SETTINGS if name in pooled and name != "data"]
    differing = [name for name in settings if pooled[name].nunique(dropna=False) > 1]
    comparable = pooled.groupby(["data", "monitor"], sort=False)
    for (data, monitor), rows in comparable:
        best = {row["perspective"]: row for _, row in rows.iloc[::-1].iterrows()}
        prefix = f"{data}, by {monitor}: " if comparable.ngroups > 1 else ""
        for perspective in filter(best.__contains__, CAMERAS):
            sentences.append(prefix + _best_sentence(best[perspective], differing))
        if "top" in best and "side" in best:
            sentences.append(prefix + _camera_sentence(best["top"], best["side"]))
        packages = int(rows["packages"].max())
        low, high = wilson_interval(packages - 1, packages)
        sentences.append(
            f"{prefix}The test has {packages} packages: {packages - 1} of {packages} right would "
            f"mean anything from {low:.0%} to {high:.0%} on further packages (95% interval), and "
            "it cannot settle smaller differences than that."
        )
    return sentences


def _best_sentence(best: pd.Series, differing: list[str]) -> str:
    """The choice of validation for one perspective, and what it reached on test."""
    settings = "".join(f", {name} {best[name]}" for name in differing if text(best[name]))
    mean = f", mean of {best['folds']} folds" if best["folds"] > 1 else ""
    both = (
        " Two images of one package are not independent, so the true interval is wider."
        if best["perspective"] == "both"
        else ""
    )
    return (
        f"For {CAMERAS[best['perspective']]}, {best['backbone']}{settings} is best on validation "
        f"({best['monitor']} {best['monitor_value']:.3f}{mean}); on test it got "
        f"{int(best['right'])} of {best['images']} images right, {best['accuracy']:.0%} "
        f"(95% interval {best['low']:.0%} to {best['high']:.0%}).{both}"
    )


def _camera_sentence(top: pd.Series, side: pd.Series) -> str:
    """Whether the side camera beats the top one, and whether that is settled."""
    verb = "beats" if side["accuracy"] > top["accuracy"] else "does not beat"
    overlap = side["low"] <= top["high"] and top["low"] <= side["high"]
    settled = (
        "their intervals overlap, so more test packages are needed to be sure"
        if overlap
        else "their intervals do not overlap"
    )
    return (
        f"The side camera {verb} the top camera: {side['accuracy']:.0%} against "
        f"{top['accuracy']:.0%} right; {settled}."
    )


def _view(experiment: Path, row: pd.Series, differing: list[str]) -> RunView:
    folder = experiment / row["folder"]
    parts = [row["backbone"], row["perspective"], *(row[key] for key in differing)]
    name = " · ".join(filter(None, map(text, parts))) or row["folder"]
    history = read_history(folder / "history.csv")
    test = pd.DataFrame()
    if row["state"] == "done" and (folder / "predictions.csv").is_file():
        table = pd.read_csv(folder / "predictions.csv", dtype={"serial": str})
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
    )


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
