"""An experiment as one self-contained HTML page that opens anywhere, offline."""

import base64
import hashlib
import math
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from packsight.evaluation.figures import losses_figure
from packsight.reporting.answers import Answer, is_settled, what_happens, which
from packsight.reporting.attribution_comparison import (
    COMPARED,
    AttributionComparison,
    attributions_figure,
)
from packsight.reporting.attribution_table import attributions_cells
from packsight.reporting.attribution_words import belt_sentences, where_it_looks
from packsight.reporting.decision_figures import reliability_figures, threshold_figures
from packsight.reporting.findings import chance, findings
from packsight.reporting.leaderboard import text, varying
from packsight.reporting.learning import fit_sentences, learning_curve
from packsight.reporting.looks import shared_looks, suspect_looks
from packsight.reporting.pictures import jpeg, svg
from packsight.reporting.pooling import Pooled, shown
from packsight.reporting.run_view import run_view
from packsight.reporting.serving import Serving, preferred, read_serving
from packsight.reporting.suspects import read_suspects
from packsight.reporting.wording import Words, words
from packsight.system.console import track
from packsight.system.files import replacing

SUSPECTS = 20  # packages to look at that the page lists
TEMPLATES = Path(__file__).parent / "template"


def write_report(
    experiment: Path,
    frame: pd.DataFrame,
    pooled: Pooled,
    attributions: AttributionComparison | None = None,
    language: str = "en",
) -> Path:
    """Write an experiment's report.html from its leaderboard, pooled runs and explanations."""
    say = words(language)
    differing = varying(frame)
    runs = [
        run_view(experiment, row, differing, say)
        for _, row in track(frame.iterrows(), "report", total=len(frame))
    ]
    histories = {run.name: run.history for run in runs if len(run.history)}
    rows = shown(pooled.rows)
    pooled_rows = [row for _, row in rows.iterrows()] if pooled.tells_more else []
    lows = [*frame["test_accuracy_low"].dropna(), *(row["accuracy_low"] for row in pooled_rows)]
    serving = read_serving(experiment, frame, pooled)
    found = attributions if attributions is not None and len(attributions.rows) else None
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    page = _environment(say).get_template("page.html.j2").render(
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        name=experiment.resolve().name,
        answers=_answers(experiment, serving, frame, pooled, found, say),
        decision=_decision_view(serving, say),
        runs=runs,
        counts=frame["state"].value_counts().sort_index().to_dict(),
        data=sorted(frame["data"].dropna().unique()),
        packages=int(rows["packages"].max()) if len(rows) else 0,
        findings=[
            *findings(pooled, say),
            *(belt_sentences(found, pooled, say) if found is not None else []),
            *fit_sentences(experiment, frame, pooled, say),
            *learning_curve(rows, say),
        ],
        attributions=None if found is None else _attributions_view(experiment, frame, found, say),
        suspects=_suspects_view(experiment, say),
        pooled=pooled_rows,
        pooled_differing=varying(rows),
        against=_against(frame, pooled, rows, say),
        differing=differing,
        monitors=[
            say.translated(name.removeprefix("val/")) for name in frame["monitor"].dropna().unique()
        ],
        # The left end of the interval bars: tenths, with room for every interval.
        floor=math.floor(min([*lows, 0.5]) * 10) / 10,
        losses=svg(losses_figure(histories), say) if histories else None,
    )  # fmt: skip
    file = experiment / "report.html"
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return file


def _environment(say: Words) -> Environment:
    """Jinja's environment; `say` looks words up, and numbers are written as its language does."""
    environment = Environment(
        loader=PackageLoader("packsight.reporting", "template"),
        autoescape=True,  # whatever comes from run folders is text, never markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"say": say, "language": say("language.tag")}
    environment.filters |= {"number": partial(_number, say), "text": text, "duration": _duration}
    return environment


def _answers(
    experiment: Path,
    serving: Serving | None,
    frame: pd.DataFrame,
    pooled: Pooled,
    attributions: AttributionComparison | None,
    say: Words,
) -> list[Answer]:
    """The four of the first screen; none where nothing was tested and nothing decided."""
    best = preferred(pooled)
    if serving is None and best is None:
        return []
    place = experiment.as_posix()
    chosen = best if serving is None else serving.row
    return [
        which(serving, frame, pooled, place, say),
        what_happens(serving, best, say),
        is_settled(serving, chosen, pooled, say),
        where_it_looks(serving, frame, pooled, attributions, place, say),
    ]


def _decision_view(serving: Serving | None, say: Words) -> dict[str, Any] | None:
    """Pictures of a decision whose validation scores are here."""
    if serving is None or serving.candidate is None:
        return None
    scores = serving.candidate.packages["probability"].to_numpy(dtype=float)
    damaged = serving.candidate.damaged.to_numpy(dtype=bool)
    return {
        "packages": len(scores),
        "share": serving.decision.share,
        "method": say.named("calibration", serving.decision.calibration.method.value),
        "costs": [svg(one, say) for one in threshold_figures(serving.decision, scores, damaged)],
        "reliability": [
            svg(one, say) for one in reliability_figures(serving.decision, scores, damaged)
        ],
    }


def _against(
    frame: pd.DataFrame, pooled: Pooled, rows: pd.DataFrame, say: Words
) -> dict[str | int, tuple[str, str]]:
    """For each row of the pooled table, and each run of a single split, how it stands to the best.

    A word and the difference with its interval, in points.
    """
    found: dict[str | int, tuple[str, str]] = {}
    for place, (_, row) in enumerate(pooled.rows.iterrows()):
        if pd.isna(row["rank"]) or pd.isna(row["p_value"]):
            told = ("", "")
        elif pd.isna(row["difference"]):
            told = (say("tied.best"), "")
        else:
            how = "tied" if row["tied"] else "better" if row["difference"] > 0 else "worse"
            ends = [100 * row[f"difference{end}"] for end in ("", "_low", "_high")]
            known = "points" if not pd.isna(ends[1]) else "point"
            gap = say(f"tied.{known}", value=ends[0], low=ends[1], high=ends[2])
            told = (say(f"tied.{how}"), f"{gap}, {chance(row['p_value'], say)}")
        found[place] = told
        if row["test"] == "split" and row["fusion"] == "" and place < len(pooled.folders):
            found |= dict.fromkeys(pooled.folders[place], told)
    return found


def _attributions_view(
    experiment: Path, frame: pd.DataFrame, attributions: AttributionComparison, say: Words
) -> dict[str, Any]:
    """What the page shows of the comparison of attributions."""
    looks = shared_looks(experiment, frame, say)
    # Of an older version, which wrote its words into the pictures.
    sheets = [] if looks else sorted(experiment.glob("attributions_*.png"))
    cells = attributions_cells(attributions)
    return {
        "columns": [say("table.camera"), say("table.model"),
                    *(say.translated(name) for *_, name in COMPARED)],
        "rows": [
            [say.named("camera", camera), model, *map(say.localised, values)]
            for camera, model, *values in cells
        ],
        "methods": sorted(map(say.translated, attributions.rows["method"].unique())),
        "sanity": [(say.translated(said), "FAILS" in said) for said in attributions.sanity],
        "figure": svg(attributions_figure(attributions), say),
        "looks": looks,
        "sheets": {file.stem.removeprefix("attributions_"): jpeg(file) for file in sheets},
    }  # fmt: skip


def _suspects_view(experiment: Path, say: Words) -> dict[str, Any] | None:
    """The first packages to look at, with their picture where there is one."""
    found = read_suspects(experiment)
    if found.rows.empty:
        return None
    looks = suspect_looks(experiment, found, say)
    return {
        "rows": [
            row | {"reason": "; ".join(map(say.translated, row["reason"].split("; ")))}
            for row in found.rows.head(SUSPECTS).to_dict("records")
        ],
        "count": len(found.rows),
        "looks": looks,
        "picture": jpeg(found.picture) if found.picture and not looks else None,
    }


def _number(say: Words, value: Any, digits: int = 2) -> str:
    return "" if pd.isna(value) else say.localised(f"{value:.{digits}f}")


def _duration(seconds: float) -> str:
    """`1 h 02 min`, `3 min 20 s` or `45 s`; empty where it is unknown."""
    if pd.isna(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
