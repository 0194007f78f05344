"""The end of a sweep: what became of each job, the leaderboard, and models.zip."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from packsight.decision.rule import FILE as DECISION
from packsight.errors import UserError
from packsight.reporting.attribution_comparison import AttributionComparison, write_attributions
from packsight.reporting.attribution_table import attributions_table
from packsight.reporting.leaderboard import write_leaderboard
from packsight.reporting.leaderboard_table import leaderboard_table
from packsight.reporting.model_card import FILE as CARD
from packsight.reporting.model_card import write_model_card
from packsight.reporting.page import write_report
from packsight.reporting.pooling import Pooled, write_pooled
from packsight.reporting.pooling_table import pooled_table
from packsight.reporting.suspect_sheet import write_suspects
from packsight.runs.journal import Ending, Outcome
from packsight.system.archive import pack
from packsight.system.console import console
from packsight.system.files import write_json

PACKED = (
    "config.yaml", "environment.json", "status.json", "metrics.json", "history.csv",
    "predictions.csv", "packages.csv", "checkpoints/best.ckpt",
)  # fmt: skip
COLOURS = {
    Ending.DONE: "green", Ending.SKIPPED: "dim", Ending.BUSY: "yellow", Ending.FAILED: "red",
}  # fmt: skip


def pack_models(experiment: Path) -> Path:
    """Write models.zip beside the runs: best checkpoints, configurations and results.

    Raises UserError if no run of the experiment has a model yet.
    """
    runs = [file.parent.parent for file in sorted(experiment.rglob("checkpoints/best.ckpt"))]
    if not runs:
        raise UserError(f"{experiment} holds no trained run; train one with scripts/train.py.")
    members = [run / name for run in runs for name in PACKED if (run / name).is_file()]
    write_model_card(experiment)
    members += [experiment / name for name in (DECISION, CARD) if (experiment / name).is_file()]
    archive = experiment / "models.zip"
    pack(archive, experiment, members)
    return archive


def print_results(
    experiment: Path,
    max_belt_share: float | None = None,
    data: Path | None = None,
    max_bytes: int = 20 * 10**9,
) -> tuple[pd.DataFrame, Pooled, AttributionComparison]:
    """Write leaderboard.csv, pooled.csv, verdicts.csv, attributions.csv and suspects.csv; tell.

    `data` are the prepared data of the runs, for pictures; None: those beside the experiment.
    Where there are folds, the single runs stand in leaderboard.csv alone: they would fill pages.
    """
    frame = write_leaderboard(experiment, max_belt_share)
    pooled = write_pooled(experiment, frame)
    frame = frame.assign(tied=frame["folder"].isin(pooled.tied_runs))
    attributions = write_attributions(experiment, frame)
    write_suspects(experiment, frame, pooled.rows, data, max_bytes)
    if frame["fold"].isna().any():
        console.print(leaderboard_table(frame))
    if pooled.tells_more:
        console.print(pooled_table(pooled.rows))
    if len(attributions.rows):
        console.print(attributions_table(attributions))
    return frame, pooled, attributions


def finish(
    stage: str, outcomes: Sequence[Outcome], decide: Callable[[Path], None] | None = None
) -> None:
    """Tell what became of each job, and keep it in the experiment's jobs.json.

    After a training sweep write tables, the decision, by what makes one of an experiment, the
    report and models.zip.
    """
    known = [set(outcome.overrides) for outcome in outcomes if outcome.experiment]
    shared = set.intersection(*known) if known else set()
    table = Table("state", "job", title="jobs", title_justify="left", box=SIMPLE_HEAD,
                  show_edge=False, pad_edge=False)  # fmt: skip
    for outcome in outcomes:
        name = " ".join(override for override in outcome.overrides if override not in shared)
        colour = COLOURS[outcome.ending]
        error = f"\n[{colour}]{escape(outcome.error)}[/]" if outcome.error else ""
        table.add_row(f"[{colour}]{outcome.ending}[/]", escape(name) + error)
    console.print(table)
    if stage != "train":
        return
    for experiment in sorted({Path(outcome.experiment) for outcome in outcomes} - {Path()}):
        own = [asdict(outcome) for outcome in outcomes if Path(outcome.experiment) == experiment]
        write_json(experiment / "jobs.json", own)
        if any(experiment.rglob("checkpoints/best.ckpt")):
            results = print_results(experiment)
            if decide is not None:
                decide(experiment)
            page = write_report(experiment, *results)
            console.print(f"models: [cyan]{pack_models(experiment)}[/]", soft_wrap=True)
            console.print(f"report: [cyan]{page}[/]", soft_wrap=True)
