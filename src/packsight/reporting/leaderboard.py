"""The runs of an experiment as one table, ranked by what they reached on validation."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape

from packsight.configuration.schema import TrainConfig
from packsight.configuration.stored import read_config
from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.evaluation.results import (
    check_whole,
    read_history,
    read_metrics,
    read_predictions,
)
from packsight.runs.status import State, read_status
from packsight.system.console import errors
from packsight.system.files import replacing
from packsight.system.tables import read_table

# Ranks compare runs only where the same packages were scored by the same metric.
COMPARABLE = ["data", "fold", "perspective", "monitor"]
# What may tell two runs apart beside backbone and perspective; shown where it differs.
SETTINGS = ("data", "share", "precision", "weights", "crop", "recipe", "fold", "seed", "variant")
UNREADABLE = "unreadable"  # the state of a run of which a file is damaged
TESTED = (
    "accuracy", "accuracy_low", "accuracy_high", "recall_damaged", "recall_intact", "auroc",
    "average_precision", "images", "packages",
)  # fmt: skip
COLUMNS = [
    "backbone", "perspective", "precision", "data", "share", "fold", "seed", "variant", "weights",
    "crop", "recipe", "manifest", "state", "monitor", "monitor_mode", "monitor_value", "sign",
    *(f"test_{name}" for name in TESTED), *(f"test_accuracy_{camera}" for camera in Perspective),
    "best_epoch", "seconds", "belt_share", "error", "folder",
]  # fmt: skip


def collect(experiment: Path, max_belt_share: float | None = None) -> pd.DataFrame:
    """One row per run, done or not, ranked within perspective by the run's monitored metric.

    Validation decides the rank, because choosing by test would leave no honest test. Test results
    are those of all images; test_accuracy_top and test_accuracy_side are filled for runs on both
    cameras. Only runs that are done have results. `leans_on_belt` marks those of which `explain`
    measured a belt share above `max_belt_share`. Raises UserError if there is no run, or none that
    can be read.
    """
    folders = run_folders(experiment)
    frame = pd.DataFrame([_row_or_error(folder, experiment) for folder in folders], columns=COLUMNS)
    if (frame["state"] == UNREADABLE).all():
        raise UserError(f"no run in {experiment} can be read; of the first: {frame['error'][0]}")
    frame["data"] = _versions(frame["data"], frame.pop("manifest").astype("string"))
    for column in ("fold", "seed", "best_epoch", "test_images", "test_packages"):
        frame[column] = frame[column].astype("Int64")
    limit = float("inf") if max_belt_share is None else max_belt_share
    frame["leans_on_belt"] = frame["belt_share"].astype(float) > limit
    # The lower the better, so that one direction serves every monitor.
    cost = frame["monitor_value"].astype(float) * frame.pop("sign")
    ranks = cost.groupby([frame[key] for key in COMPARABLE], dropna=False).rank(method="min")
    frame.insert(0, "rank", ranks.astype("Int64"))
    keys = ["data", "perspective", "fold", "rank", "folder"]
    return frame.sort_values(keys, ignore_index=True, na_position="last")


def run_folders(experiment: Path) -> list[Path]:
    """The folders of its runs, in any state. Raises UserError if there is none."""
    folders = [file.parent for file in sorted(experiment.rglob("status.json"))]
    if not folders:
        raise UserError(
            f"no run in {experiment}: train one with `python scripts/train.py "
            f"name={experiment.resolve().name}`."
        )
    return folders


def write_leaderboard(experiment: Path, max_belt_share: float | None = None) -> pd.DataFrame:
    """Collect an experiment's runs and write them to its leaderboard.csv."""
    frame = collect(experiment, max_belt_share)
    for damaged in frame["error"][frame["state"] == UNREADABLE]:
        left_out(UserError(damaged))
    with replacing(experiment / "leaderboard.csv") as temporary:
        frame.to_csv(temporary, index=False)
    return frame


def varying(frame: pd.DataFrame) -> list[str]:
    """The settings in which the runs differ; the variant, a hash, only where nothing else does."""
    names = [name for name in SETTINGS if name in frame and frame[name].nunique(dropna=False) > 1]
    told = [name for name in names if name != "variant"]
    keys = ["perspective", "backbone", *told, *frame.columns.intersection(["fusion"])]
    return names if frame.duplicated(keys).any() else told


def text(value: Any) -> str:
    """A cell; what is missing is empty."""
    return "" if pd.isna(value) else str(value)


def number(value: Any, digits: int = 2) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def settings(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """What tells a run from others: its configuration, and the variant in its folder's name."""
    variant = re.fullmatch(r"(?:split|fold\d+)_seed-?\d+_(.+)", folder.name)
    weights = config.model.weights
    return {
        "backbone": config.model.backbone,
        "perspective": config.perspective.name,
        "precision": str(config.precision.name),
        "data": config.data.name,
        "share": config.data.train_share,
        "fold": config.data.fold,
        "seed": config.seed,
        "variant": variant.group(1) if variant else "",
        # Of a weights file its name; a checkpoint's, best.ckpt, would say nothing of its run.
        "weights": Path(weights).name if Path(weights).suffix not in ("", ".ckpt") else weights,
        "crop": str(config.crop.name),
        "recipe": config.recipe or "",
    }


def _row_or_error(folder: Path, experiment: Path) -> dict[str, Any]:
    """A run's row; of one that cannot be read its folder and why."""
    try:
        return _row(folder, experiment)
    except UserError as damaged:
        place = folder.relative_to(experiment).as_posix()
        return {"folder": place, "state": UNREADABLE, "error": str(damaged)}


def _row(folder: Path, experiment: Path) -> dict[str, Any]:
    status = read_status(folder)
    config = read_config(folder)
    done = status.state == State.DONE and (folder / "metrics.json").is_file()
    # An unfinished run may still hold the results of an earlier one.
    metrics = read_metrics(folder / "metrics.json") if done else {}
    if done and (folder / "predictions.csv").is_file():
        # A damaged one is told here, once, and the run left out.
        check_whole(folder, metrics, read_predictions(folder))
    test = metrics.get("test", {})
    monitor, mode = config.monitor, config.monitor_mode
    return {
        **settings(config, folder),
        "manifest": config.manifest,
        "state": str(status.state),
        "monitor": monitor,
        "monitor_mode": mode,
        "monitor_value": metrics.get("val", {}).get("all", {}).get(monitor.split("/")[-1]),
        "sign": -1 if mode == "max" else 1,
        **{f"test_{name}": test.get("all", {}).get(name) for name in TESTED},
        **{
            f"test_accuracy_{perspective}": test.get(perspective.value, {}).get("accuracy")
            for perspective in Perspective
        },
        "best_epoch": _best_epoch(folder / "history.csv", monitor, mode),
        "seconds": status.seconds,
        "belt_share": _belt_share(folder / "explanations" / "measures.csv"),
        "error": status.error.strip().partition("\n")[0],
        "folder": folder.relative_to(experiment).as_posix(),
    }


def _versions(names: pd.Series, manifests: pd.Series) -> pd.Series:
    """The data's names; where data of one name were prepared anew, `name@version`.

    So runs of different packages are never ranked, pooled or fused together.
    """
    several = manifests.groupby(names).transform("nunique") > 1
    return names.where(~several | manifests.isna(), names + "@" + manifests.str[:6])


def _belt_share(file: Path) -> float | None:
    """The share of what speaks for damaged that lies on the belt, of damaged packages."""
    if not file.is_file():
        return None
    try:
        rows = read_table(file, ["outcome", "measure", "mean"], {"mean": float}, 0)
    except UserError as damaged:
        left_out(damaged)
        return None
    found = rows[(rows["outcome"] == "damaged") & (rows["measure"] == "belt_share")]["mean"]
    return float(found.iloc[0]) if len(found) else None


def left_out(damaged: UserError) -> None:
    """Tell what of an experiment cannot be shown, and why."""
    errors.print(f"[yellow]left out:[/] {escape(str(damaged))}")


def _best_epoch(file: Path, monitor: str, mode: str) -> int | None:
    """The epoch in which the monitored metric was best; None if it was never measured."""
    history = read_history(file)
    if monitor not in history:
        return None
    measured = history.dropna(subset=[monitor])
    ordered = measured.sort_values(monitor, ascending=mode != "max", kind="stable")
    return int(ordered["epoch"].iloc[0]) if len(ordered) else None
