"""The folds of each configuration as one row, and the two cameras' models fused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from packsight.domain import LABELS, Fusion, Split
from packsight.errors import UserError
from packsight.evaluation.calibration import calibrate, crossfit
from packsight.evaluation.cross_validation import intervals, pool
from packsight.evaluation.metrics import classification_metrics, located
from packsight.evaluation.results import read_predictions
from packsight.evaluation.verdicts import by_package, fuse_folds
from packsight.reporting.comparisons import against_best, package_right
from packsight.reporting.leaderboard import text
from packsight.system.console import console
from packsight.system.files import replacing

# Rows compare only where the same packages were tested and the same metric chose the model.
COMPARABLE = ["data", "test", "monitor", "monitor_mode"]
KEYS = [
    *COMPARABLE, "share", "perspective", "fusion", "backbone", "precision", "weights",
    "crop", "recipe", "variant", "seed",
]  # fmt: skip
FUSED = "top + side"
CALIBRATED = ("accuracy", "recall_damaged", "recall_intact")
VERDICT = [
    "serial", "label", "probability_top", "probability_side", "probability", "predicted",
    "cameras", "sure", "fold", "data", "fusion",
]  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """One configuration's validation and test predictions of all its folds."""

    settings: dict[str, Any]  # KEYS; test is "folds" or "split", fusion "" for one model
    predictions: pd.DataFrame  # predictions.csv, and fold: 0 for the fixed split
    seconds: float  # of training, all folds together
    folders: tuple[str, ...] = ()  # of its runs, or of those that were fused


@dataclass(frozen=True)
class Pooled:
    """An experiment's configurations.

    rows: one row per configuration, KEYS and results, best first in each perspective. `rank` is by
    validation, among those that have the most folds; `lacks` names the folds that others have.
    `tied`: cannot be told from the best of its perspective (`against_best`).
    verdicts: the packages of the fused configuration that validation chooses, columns VERDICT.
    right: whether each test package is told rightly, 1 or 0, nan where it was not tested; by
    serial, a column for each row of `rows`. damaged: which of them are. folders: each row's runs.
    """

    rows: pd.DataFrame
    verdicts: pd.DataFrame
    right: pd.DataFrame = field(default_factory=pd.DataFrame)
    damaged: pd.Series = field(default_factory=lambda: pd.Series(dtype=bool))
    folders: tuple[tuple[str, ...], ...] = ()

    @property
    def tells_more(self) -> bool:
        """Whether rows hold what the leaderboard does not: folds, or fused cameras."""
        return bool(self.rows["test"].eq("folds").any() or self.rows["fusion"].ne("").any())

    @property
    def tied_runs(self) -> set[str]:
        """The runs of a single split that cannot be told from the best of their camera."""
        single = self.rows["test"].eq("split") & self.rows["fusion"].eq("") & self.rows["tied"]
        return {self.folders[place][0] for place in single.to_numpy().nonzero()[0]}


def pool_runs(experiment: Path, frame: pd.DataFrame) -> Pooled:
    """Pool the runs of a leaderboard that are done, and fuse those of the two cameras."""
    singles = configurations(experiment, frame)
    folds = frame.groupby("data")["fold"].agg(lambda column: set(column.dropna())).to_dict()
    rows = _rank(_rows(singles, folds))
    fused = [
        configuration
        for top, side in _pairs(rows)
        for configuration in _fuse(singles[top], singles[side])
    ]
    everything = [*singles, *fused]
    if fused:
        rows = _rank(pd.concat([rows, _rows(fused, folds)], ignore_index=True))
    chosen = rows.index[rows["perspective"].eq(FUSED) & rows["rank"].eq(1)]
    tables = [_verdicts(everything[index]) for index in chosen]
    verdicts = pd.concat(tables) if tables else pd.DataFrame(columns=VERDICT)
    order = [*COMPARABLE, "perspective", "rank", "backbone", "fusion"]
    rows = rows.sort_values(order)
    ordered = [everything[index] for index in rows.index]
    right, damaged = _tested(ordered)
    rows = against_best(rows.reset_index(drop=True), right, damaged, [*COMPARABLE, "perspective"])
    return Pooled(rows, verdicts, right, damaged, tuple(one.folders for one in ordered))


def _tested(configurations: Sequence[Configuration]) -> tuple[pd.DataFrame, pd.Series]:
    """Which test packages each configuration has right, and which of them are damaged."""
    if not configurations:
        return pd.DataFrame(), pd.Series(dtype=bool)
    right = [package_right(one.predictions) for one in configurations]
    labels = pd.concat([one.predictions[["serial", "label"]] for one in configurations])
    damaged = labels.drop_duplicates("serial").set_index("serial")["label"] == LABELS[1]
    return pd.concat(right, axis=1, keys=range(len(right))), damaged


def write_pooled(experiment: Path, frame: pd.DataFrame) -> Pooled:
    """Pool an experiment's runs into its pooled.csv and verdicts.csv."""
    pooled = pool_runs(experiment, frame)
    for name, table in (("pooled", pooled.rows), ("verdicts", pooled.verdicts)):
        with replacing(experiment / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    return pooled


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, ranked anew, without the ways of fusing that validation did not choose."""
    by_rank = rows.sort_values("rank", na_position="last", kind="stable")
    pair = [key for key in KEYS if key != "fusion"]
    rows = rows.loc[sorted(by_rank.drop_duplicates(pair).index)]
    ranks = rows.groupby([*COMPARABLE, "perspective"], dropna=False)["rank"].rank()
    return rows.assign(rank=ranks.astype("Int64"))


def configurations(experiment: Path, frame: pd.DataFrame) -> list[Configuration]:
    """The runs of a leaderboard that are done, with the folds of each configuration together."""
    scored = frame["folder"].map(lambda folder: (experiment / folder / "predictions.csv").is_file())
    done = frame[frame["state"].eq("done") & scored]
    done = done.assign(test=np.where(done["fold"].isna(), "split", "folds"), fusion="")
    found = []
    for key, runs in done.groupby(KEYS, dropna=False, sort=False):
        folds = runs["fold"].fillna(0)
        tables = [
            read_predictions(experiment / folder).assign(fold=fold)
            for folder, fold in zip(runs["folder"], folds, strict=True)
        ]
        settings = dict(zip(KEYS, key, strict=True))
        found.append(
            Configuration(settings, pd.concat(tables), runs["seconds"].sum(), tuple(runs["folder"]))
        )
    return found


def _rows(configurations: Sequence[Configuration], folds: dict[str, set[int]]) -> pd.DataFrame:
    """Settings and results; `folds` are those that any run of the data has."""
    rows = []
    for configuration in configurations:
        settings, predictions = configuration.settings, configuration.predictions
        others = folds[settings["data"]] if settings["test"] == "folds" else set()
        lacks = " ".join(map(str, sorted(others - set(predictions["fold"]))))
        results = pool(predictions, text(settings["monitor"]).removeprefix("val/"))
        results |= _calibrated(predictions)
        tested = predictions[predictions["split"] == Split.TEST]
        alone = tested["cameras"].ne("top+side").sum() if settings["fusion"] else 0
        sure = tested["sure"] if settings["fusion"] else located(tested)
        rows.append(
            settings
            | {"lacks": lacks, **results, "one_camera": alone, "not_located": int((~sure).sum())}
            | {"seconds": configuration.seconds}
        )
    return pd.DataFrame(rows, columns=None if rows else [*KEYS, "lacks", "monitor_value"])


def _calibrated(predictions: pd.DataFrame) -> dict[str, Any]:
    """Test metrics at the threshold that validation packages give, `calibrated_<metric>`."""
    names = [f"{name}{end}" for name in CALIBRATED for end in ("", "_low", "_high")]
    try:
        table = crossfit(predictions.reset_index(drop=True), calibrate)
    except UserError:  # too few validation packages
        return {f"calibrated_{name}": None for name in names}
    test = table[table["split"] == Split.TEST]
    metrics = classification_metrics(test)
    metrics |= intervals(test, metrics)
    return {f"calibrated_{name}": metrics[name] for name in names}


def _rank(rows: pd.DataFrame) -> pd.DataFrame:
    """Rank within perspective by validation, where no more folds are missing than need be."""
    least = rows.groupby(COMPARABLE, dropna=False)["lacks"].transform(
        lambda lacks: min(lacks, key=lambda folds: (len(folds.split()), folds))
    )
    value = rows["monitor_value"].astype(float)
    cost = value.where(rows["monitor_mode"] != "max", -value).where(rows["lacks"] == least)
    group = [rows[key] for key in (*COMPARABLE, "perspective")]
    ranks = cost.groupby(group, dropna=False).rank(method="first")
    return rows.assign(rank=ranks.astype("Int64"))


def _pairs(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """Indices of top and side rows with the same settings, and of the best row of each.

    precision=auto may choose another one for either camera, so precisions differ where they must.
    """
    cameras = [
        rows[rows["perspective"] == camera].reset_index(names="row") for camera in ("top", "side")
    ]
    same = [key for key in KEYS if key not in ("perspective", "precision")]
    matched = pd.merge(*cameras, on=same)
    equal = matched[matched["precision_x"] == matched["precision_y"]]
    served = matched["row_x"].isin(equal["row_x"]) | matched["row_y"].isin(equal["row_y"])
    matched = pd.concat([equal, matched[~served]])
    once = [*COMPARABLE, "seed"]
    best = [
        table.dropna(subset="rank").sort_values("rank").drop_duplicates(once) for table in cameras
    ]
    pairs = pd.concat([matched, pd.merge(*best, on=once)])[["row_x", "row_y"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def _fuse(top: Configuration, side: Configuration) -> list[Configuration]:
    """The pair fused in each way, in the folds that both have."""
    shared = set(top.predictions["fold"]) & set(side.predictions["fold"])
    predictions = pd.concat([top.predictions, side.predictions])
    predictions = predictions[predictions["fold"].isin(shared)]
    packages = by_package(predictions, "label", "split", "fold").assign(perspective=FUSED)
    settings = {key: _joined(top.settings[key], side.settings[key]) for key in KEYS}
    found = []
    for kind in Fusion if shared else ():
        try:
            verdicts = fuse_folds(kind, packages)
        except UserError as reason:  # too few validation packages for this way
            console.print(f"[dim]{settings['backbone']}, {FUSED}: {reason}[/]")
            continue
        fused = settings | {"fusion": kind.value}
        folders = (*top.folders, *side.folders)
        found.append(Configuration(fused, verdicts, top.seconds + side.seconds, folders))
    return found


def _joined(top: Any, side: Any) -> Any:
    """A setting of both runs; where they differ, one beside the other."""
    return top if text(top) == text(side) else f"{text(top) or '–'} + {text(side) or '–'}"


def _verdicts(configuration: Configuration) -> pd.DataFrame:
    settings, predictions = configuration.settings, configuration.predictions
    test = predictions[predictions["split"] == Split.TEST].sort_values("serial")
    if settings["test"] == "split":
        test = test.assign(fold=pd.NA)
    return test.assign(data=settings["data"], fusion=settings["fusion"])[VERDICT]
