"""One verdict per package, from a run on each camera."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import pandas as pd

from packsight.decision.late_fusion import LateFusion
from packsight.domain import Fusion, Split
from packsight.errors import UserError
from packsight.evaluation.metrics import classification_metrics
from packsight.evaluation.results import read_predictions
from packsight.evaluation.scoring import metrics_table
from packsight.evaluation.verdicts import add_verdicts, by_package, fit_fusion
from packsight.reporting.leaderboard import settings
from packsight.runs.saved import Run
from packsight.system.console import console
from packsight.system.files import replacing, write_json


def pair_runs(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Runs on top and on side that share data, fold, seed and all other settings.

    precision=auto may choose another one for either camera, so precisions differ where they must.
    Where a fold and seed have one of each alone, they are a pair whatever their settings.
    """

    def packages(run: Run) -> tuple[str, ...]:
        chosen = settings(run.config, run.folder)
        return (str(run.config.manifest), *(str(chosen[key]) for key in ("data", "fold", "seed")))

    def rest(run: Run) -> dict[str, object]:
        return settings(run.config, run.folder) | {"perspective": None, "precision": None}

    pairs = []
    for _, group in groupby(sorted(runs, key=packages), packages):
        cameras: dict[str, list[Run]] = {"top": [], "side": []}
        for run in group:
            cameras.get(run.config.perspective.name, []).append(run)
        tops, sides = cameras.values()
        alone = len(tops) == len(sides) == 1
        pairs += [(top, side) for top in tops for side in sides if alone or rest(top) == rest(side)]
    equal = [(t, s) for t, s in pairs if t.config.precision.name == s.config.precision.name]
    served = {run.folder for pair in equal for run in pair}
    return equal + [(t, s) for t, s in pairs if not served & {t.folder, s.folder}]


def fit_on_validation(kind: Fusion, top: Run, side: Run) -> LateFusion:
    """A fusion of two runs, fitted on the packages that neither was trained on.

    Raises UserError if logistic has too few of them to be fitted on.
    """
    if kind != Fusion.LOGISTIC:
        return LateFusion(kind)
    tables = []
    for camera, run in (("top", top), ("side", side)):
        if not (run.folder / "predictions.csv").is_file():
            raise UserError(
                f"{run.folder} has no predictions.csv, on which fusion=logistic is fitted; give "
                "run= an experiment folder or models.zip, or use fusion=mean."
            )
        table = read_predictions(run.folder)
        tables.append(table[table["split"].eq(Split.VAL) & table["perspective"].eq(camera)])
    return fit_fusion(kind, by_package(pd.concat(tables), "label"))


def write_verdicts(runs: Sequence[Run], folders: Mapping[str, Path], kind: Fusion) -> None:
    """Fuse each pair of runs, whose predictions on a split stand in `folders` by the run's name.

    Beside the folder of the top run, in …/top+side/…, go verdicts.csv and metrics.json.
    """
    for top, side in pair_runs(runs):
        fusion = fit_on_validation(kind, top, side)
        predictions = pd.concat([read_predictions(folders[run.name]) for run in (top, side)])
        verdicts = add_verdicts(by_package(predictions, "label"), fusion)
        metrics = {"verdict": classification_metrics(verdicts)}
        folder = _beside(folders[top.name])
        with replacing(folder / "verdicts.csv") as temporary:
            verdicts.to_csv(temporary, index=False)
        fused = {"fusion": asdict(fusion), "top": top.name, "side": side.name}
        write_json(folder / "metrics.json", metrics | fused)
        console.print(metrics_table(metrics, f"{top.title} + {side.title}, fused by {kind}"))
        console.print(f"verdicts: [cyan]{folder}[/]", soft_wrap=True)


def _beside(folder: Path) -> Path:
    before, found, after = folder.as_posix().rpartition("/top/")
    return Path(before, "top+side", after) if found else folder / "top+side"
