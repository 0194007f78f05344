"""What a decision does to packages of known label that none of its models has learned from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from packsight.data.pairing import PAIR
from packsight.decision.certainty import figures_of
from packsight.decision.rule import Decided, Decision
from packsight.decision.terms import Action, Figure
from packsight.domain import LABELS
from packsight.evaluation.decided import COLUMNS, decide_packages, package_scores, told
from packsight.evaluation.metrics import located
from packsight.evaluation.results import read_predictions
from packsight.reporting.decision_table import SHOWN, interval
from packsight.runs.saved import Run
from packsight.system.console import console
from packsight.system.files import replacing, write_json
from packsight.system.fitted_table import FittedTable


def write_decisions(
    decision: Decision,
    runs: Mapping[str, Sequence[Run]],
    predictions: Mapping[str, Path],
    known: Collection[str],
    folder: Path,
) -> None:
    """Decide on the packages that the serving runs were judged on; print and write what came of it.

    `predictions` is the folder of each run's predictions, by its name; `known` are the serials of
    packages that any run has learned from, or was chosen by. decisions.csv and metrics.json go to
    `folder`; where no package is left, that is told and nothing is written.
    """
    tables = [_mean(part, [predictions[run.name] for run in of]) for part, of in runs.items()]
    images = pd.concat(tables)
    left = images[~images["serial"].isin(known)]
    if left.empty:
        console.print(
            "the decision is not judged: each of these packages is known to one of its models; "
            "give data= of packages that none of them has seen",
            soft_wrap=True,
        )
        return
    packages = decide_packages(package_scores(left, decision.fusion, "label"), decision)
    damaged = packages["label"].eq(LABELS[1])
    action = packages["decision"]
    found = figures_of(action.to_numpy(), damaged.to_numpy(), decision.share, decision.costs)
    counts = Decided(*(packages[column].to_numpy() for column in COLUMNS)).counts()
    of_label = {label: int(packages["label"].eq(label).sum()) for label in LABELS}
    outcome = {
        "packages": of_label,
        **counts,
        "missed": int((damaged & action.eq(Action.ACCEPT)).sum()),
        "false_rejects": int((~damaged & action.eq(Action.REJECT)).sum()),
        "share": decision.share,
        "per_1000": {name: asdict(figure) for name, figure in found.items()},
    }
    with replacing(folder / "decisions.csv") as temporary:
        packages.to_csv(temporary, index=False)
    write_json(folder / "metrics.json", {"decision": outcome})
    if found:
        console.print(_table(decision, found, of_label))
    console.print(
        f"{told(packages)}; {outcome['missed']} damaged accepted, {outcome['false_rejects']} "
        f"intact rejected: [cyan]{folder}[/]",
        highlight=False,
        soft_wrap=True,
    )


def _mean(part: str, folders: Sequence[Path]) -> pd.DataFrame:
    """The mean probability of each image, or pair, of a part that all runs have scored."""
    tables = [read_predictions(folder) for folder in folders]
    rows = pd.concat([table[table["perspective"].eq(part)] for table in tables])
    rows = rows.assign(found=located(rows), cameras=rows["cameras"] if part == PAIR else part)
    images = rows.groupby(["serial", "perspective", "label"], as_index=False).agg(
        probability=("probability", "mean"),
        found=("found", "all"),
        cameras=("cameras", "first"),
        runs=("probability", "size"),
    )
    images["crop"] = images.pop("found").map({True: "", False: "frame"})
    return images[images["runs"] == len(folders)]


def _table(
    decision: Decision, found: Mapping[str, Figure], packages: Mapping[str, int]
) -> FittedTable:
    shown = {name: words for name, words in SHOWN.items() if name in found}
    intact, damaged = (packages[label] for label in LABELS)
    table = FittedTable(
        f"decided, per 1,000 packages, {1000 * decision.share:g} of them damaged",
        ("", *shown.values()),
        f"95% intervals, from {intact} intact and {damaged} damaged packages; expected: what "
        "validation packages made the decision expect.",
    )
    table.add_row("found", *(interval(found[name]) for name in shown))
    if decision.figures:
        table.add_row("expected", *(interval(decision.figures[name]) for name in shown))
    return table
