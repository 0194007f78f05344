"""What an experiment's decision is about: its models, their validation scores, their test."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from packsight.decision.rule import FILE, Decision, read_decision
from packsight.errors import UserError
from packsight.reporting.candidates import Candidate, candidates
from packsight.reporting.leaderboard import left_out
from packsight.reporting.pooling import Pooled, configurations, shown


@dataclass(frozen=True)
class Serving:
    """A decision with its models among those of the experiment."""

    decision: Decision
    candidate: Candidate | None  # with validation's scores; None where its runs are not here
    row: pd.Series | None  # of the pooled configurations; None where its test is not here


def read_serving(experiment: Path, frame: pd.DataFrame, pooled: Pooled) -> Serving | None:
    """The decision beside the runs of a leaderboard, if there is one that can be read."""
    if not (experiment / FILE).is_file():
        return None
    try:
        decision = read_decision(experiment / FILE)
    except UserError as damaged:
        left_out(damaged)
        return None
    return Serving(decision, _candidate(experiment, frame, decision), _row(pooled, decision))


def preferred(pooled: Pooled) -> pd.Series | None:
    """The configuration that validation prefers of all cameras; None where nothing was tested."""
    rows = shown(pooled.rows)
    best = rows[rows["rank"].eq(1)]
    if best.empty:
        return None
    value = best["monitor_value"].astype(float)
    return best.loc[value.where(best["monitor_mode"] != "max", -value).idxmin()]


def _candidate(experiment: Path, frame: pd.DataFrame, decision: Decision) -> Candidate | None:
    folders = [folder for names in decision.runs.values() for folder in names]
    runs = frame[frame["folder"].isin(folders)]
    if len(runs) < len(set(folders)):
        return None
    try:
        found = candidates(
            configurations(experiment, runs), decision.fusion.kind if decision.fusion else None
        )
    except UserError as reason:
        left_out(reason)
        return None
    return next((one for one in found if one.runs == decision.runs), None)


def _row(pooled: Pooled, decision: Decision) -> pd.Series | None:
    names = {folder for folders in decision.runs.values() for folder in folders}
    kind = decision.fusion.kind.value if decision.fusion and len(decision.runs) > 1 else ""
    for index, folders in enumerate(pooled.folders):
        row = pooled.rows.iloc[index]
        if set(folders) == names and row["fusion"] in ("", kind):
            return row
    return None
