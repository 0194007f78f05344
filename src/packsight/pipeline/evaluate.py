"""Trained runs on a split of prepared data."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from packsight.errors import UserError
from packsight.system.console import console

if TYPE_CHECKING:
    import pandas as pd

    from packsight.data.datamodule import PackageDataModule
    from packsight.decision.rule import Decision
    from packsight.domain import Split
    from packsight.runs.saved import Run


def evaluate(cfg: DictConfig) -> list[Path]:
    """Score a split with each run; give verdicts where both cameras have one, and decide."""
    from packsight.domain import Fusion, Split
    from packsight.runs.decision_file import find_decision
    from packsight.runs.saved import find_runs, results_folder
    from packsight.system.files import writable

    split, folders, roots = Split(cfg.split), {}, {}
    with find_runs(cfg.run, cfg.member, int(cfg.max_unpacked_gb * 10**9)) as runs:
        decision = find_decision(cfg.decision.path, cfg.run, runs, cfg.member)
        for run in runs:
            data = data_of(run, cfg)
            place = results_folder(run, "evaluations", cfg.run, cfg.output, cfg.outputs)
            folder = writable(place / f"{data.root.name}_{split}")
            evaluate_run(run, data, [split], cfg.device, folder)
            console.print(f"results: [cyan]{folder}[/]", soft_wrap=True)
            folders[run.name], roots[run.name] = folder, data.root
        from packsight.reporting.camera_fusion import write_verdicts

        write_verdicts(runs, folders, Fusion(cfg.fusion))
        if decision is not None:
            _decide(decision, runs, folders, roots, cfg)
    return list(folders.values())


def _decide(
    decision: "Decision",
    runs: "list[Run]",
    folders: dict[str, Path],
    roots: dict[str, Path],
    cfg: DictConfig,
) -> None:
    """What the decision does to packages that none of its models knows."""
    from packsight.data.membership import known_before
    from packsight.domain import Split
    from packsight.preparation.manifest import read_manifest
    from packsight.reporting.decision_outcome import write_decisions
    from packsight.runs.decision_file import serving

    split, known = Split(cfg.split), set[str]()
    parts = serving(decision, runs)
    for run in {run.name: run for of in parts.values() for run in of}.values():
        if run.members is not None:
            # Of folds, what one model was tested on is what another has learned from.
            packages = read_manifest(roots[run.name]).assign(split=split.value)
            known |= set(known_before(run.members, packages, split))
    inside = Path(cfg.run, "evaluations") if Path(cfg.run).is_dir() else None
    place = Path(cfg.output or inside or Path(cfg.outputs, "evaluations"))
    data = roots[next(iter(parts.values()))[0].name].name
    write_decisions(decision, parts, folders, known, place / f"{data}_{split}_decided")


def evaluate_run(
    run: "Run", data: "PackageDataModule", splits: "list[Split]", device: str, folder: Path
) -> dict[str, Any]:
    """Score splits and write predictions.csv, metrics.json and figures/ to a folder."""
    from packsight.evaluation.scoring import metrics_table, write_evaluation

    images = predictions_of(run, data, splits, device)
    metrics = write_evaluation(images, folder, run.config.burst)
    for split in splits:
        console.print(metrics_table(metrics[split], f"{run.title}, {split} split"))
    return metrics


def predictions_of(
    run: "Run", data: "PackageDataModule", splits: "list[Split]", device_name: str
) -> "dict[Split, pd.DataFrame]":
    """Images of splits, scored with a run's best weights, in the precision of its training."""
    from packsight.evaluation.scoring import score_split
    from packsight.training import precision as precisions

    device = precisions.choose_device(device_name)
    precision = precisions.for_scoring(run.config.precision.name, device)
    precisions.apply_matmul(precision)
    network = run.load_for_scoring(device, precision)
    numbers = partial(precisions.autocast, precision, device)
    return {
        split: score_split(network, data, split, device, run.mirrors, numbers) for split in splits
    }


def data_of(run: "Run", cfg: DictConfig) -> "PackageDataModule":
    """The data that a trained run is asked about: `data=`, or what it was trained on.

    Packages that the run has learned from, or was chosen by, are left out and counted. Raises
    UserError if none is left, or for other data where the run does not say what it learned from.
    """
    from packsight.data.membership import known_before
    from packsight.domain import Split
    from packsight.preparation.prepared import load_data
    from packsight.system.files import sha256

    split = Split(cfg.split)
    source = cfg.data.path or Path(cfg.outputs, "data", run.config.data.name)
    cache = Path(cfg.outputs, "cache")
    root, _ = load_data(source, int(cfg.max_unpacked_gb * 10**9), cache, "data")
    # A fold is a part of the data that the run was trained on.
    trained_on = sha256(root / "manifest.csv") == run.config.manifest
    fold = run.config.data.fold if trained_on else None
    data = run.open_data(root, fold, cache, cfg.max_unpacked_gb)
    if run.members is None:
        if trained_on:
            return data
        raise UserError(
            f"{run.checkpoint} was written by an older version, which did not note the packages "
            f"that it learned from, so it cannot be judged on {root}; train it again, or give the "
            "data that it was trained on."
        )
    known = known_before(run.members, data.table, split)
    asked = data.table["serial"][data.table["split"] == split].nunique()
    if known and len(known) == asked:
        raise UserError(
            f"{run.title} has learned from all {asked} packages of the {split} split of {root}, or "
            "was chosen by them; give packages that it has never seen."
        )
    if known:
        console.print(
            f"[yellow]left out:[/] {len(known)} of {asked} packages of the {split} split of "
            f"{root}, which the run has learned from or was chosen by",
            soft_wrap=True,
        )
    data.leave_out(known)
    return data
