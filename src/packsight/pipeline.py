"""The stages, each a checklist: prepare, train, evaluate, explain, predict, report.

Imports stand inside the functions, so that a stage pays only for what it uses: torch, timm and
Lightning take seconds.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from packsight.console import console
from packsight.errors import UserError
from packsight.lock import locked

if TYPE_CHECKING:
    import pandas as pd

    from packsight.data.datamodule import PackageDataModule
    from packsight.data.manifest import Split
    from packsight.runs.saved import Run
    from packsight.runs.sweep import Trained


def prepare(cfg: DictConfig) -> Path:
    """Raw images, or the rendered sample, to outputs/data/<name>/ and <name>.zip."""
    target = Path(cfg.outputs, "data", cfg.data.name)
    with locked(_lock(target), f"preparing {target}"):
        return _prepare(cfg, target)


def train(cfg: DictConfig) -> "Trained":
    """One run: fit, then score validation and test packages with the best checkpoint."""
    import lightning as L

    from packsight.data.datamodule import PackageDataModule
    from packsight.data.locate import load_belts
    from packsight.data.manifest import Split
    from packsight.files import sha256
    from packsight.models.backbone import input_size
    from packsight.models.finetune import keeps_features
    from packsight.models.weights import initial_network
    from packsight.runs.begun import settle
    from packsight.runs.folder import choose_folder, resolved
    from packsight.runs.saved import read_run
    from packsight.runs.state import is_done, recorded
    from packsight.runs.sweep import Trained
    from packsight.training import precision as precisions
    from packsight.training.autotune import candidates
    from packsight.training.board import log_results
    from packsight.training.fit import fit

    device = precisions.choose_device(cfg.trainer.accelerator)
    among = candidates(cfg, device)
    keeps_features(cfg.finetune)  # refuses what cannot be kept
    size = input_size(cfg)
    if cfg.model.weights == "none" and cfg.finetune.frozen_share:
        raise UserError(
            "model.weights=none has nothing to keep; train all layers: finetune=scratch."
        )
    build = partial(initial_network, cfg, size)
    if not _is_prepared(cfg):
        build()  # a mistake there is told before data are made
    root, manifest = _training_data(cfg)
    cfg.manifest = sha256(root / "manifest.csv")
    precision = settle(cfg, among, build, size, device)
    folder = choose_folder(cfg)
    cfg.folder = str(folder)
    config = resolved(cfg)
    if is_done(folder, config):
        console.print(f"done already: [cyan]{folder}[/]", soft_wrap=True)
        return Trained(folder, skipped=True)

    precisions.apply_matmul(precision)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    network = build()
    data = PackageDataModule(root, manifest, cfg, size, Path(cfg.outputs, "cache"))
    with recorded(folder, config, cfg.run.wait) as attempt:
        if attempt.done:
            return Trained(folder, skipped=True)
        if attempt.checkpoint:
            console.print(f"goes on: [cyan]{folder}[/]", soft_wrap=True)
        board = fit(network, data, load_belts(root), cfg, precision, folder, attempt.checkpoint)
        splits = [Split.VAL, Split.TEST]
        metrics = _evaluate(read_run(folder), data, splits, cfg.trainer.accelerator, folder)
        log_results(board, folder, config, metrics)
    console.print(f"run: [cyan]{folder}[/]", soft_wrap=True)
    return Trained(folder)


def evaluate(cfg: DictConfig) -> list[Path]:
    """Trained runs on a split of prepared data, and verdicts where both cameras have a run."""
    from packsight.data.manifest import Split
    from packsight.models.fusion import parse_fusion
    from packsight.runs.saved import find_runs
    from packsight.runs.verdicts import write_verdicts

    split, fusion = _choice(Split, "split", cfg.split), parse_fusion(cfg.fusion)
    folders = {}
    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        for run in runs:
            data = _data_of(run, cfg)
            folder = _output(run, cfg, "evaluations") / f"{data.root.name}_{split}"
            _evaluate(run, data, [split], cfg.device, folder)
            console.print(f"results: [cyan]{folder}[/]")
            folders[run.name] = folder
        write_verdicts(runs, folders, fusion)
    return list(folders.values())


def explain(cfg: DictConfig) -> list[Path]:
    """Where trained runs looked, on chosen images or a sample of each outcome."""
    from packsight.data.manifest import Split
    from packsight.explanation.attribution import parse_baseline
    from packsight.explanation.gallery import explain_images
    from packsight.explanation.selection import select
    from packsight.runs.saved import find_runs
    from packsight.training.board import show_image
    from packsight.training.precision import choose_device

    split = _choice(Split, "split", cfg.split)
    baseline = parse_baseline(cfg.explainer.baseline)
    device = choose_device(cfg.device)
    folders = []
    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        for run in runs:
            console.print(f"[bold]{run.title}[/]", highlight=False)
            data = _data_of(run, cfg)
            predictions = _predictions(run, data, [split], cfg.device)[split]
            chosen = select(predictions, split, cfg.per_outcome, [*map(str, cfg.images)])
            folder = _output(run, cfg, "explanations")
            network = run.load_network().to(device)
            explain_images(network, data, chosen, baseline, cfg.explainer, folder)
            if folder.parent == run.folder:
                show_image(run.folder, "explanations", folder / "contact_sheet.png")
            console.print(f"maps: [cyan]{folder}[/]")
            folders.append(folder)
    return folders


def predict(cfg: DictConfig) -> Path:
    """Images without labels to predictions.csv, and verdicts for packages seen by both cameras."""
    from packsight.deployment.batch import predict_source
    from packsight.runs.saved import find_runs

    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        return predict_source(runs, cfg)


def report(cfg: DictConfig) -> Path:
    """The runs of an experiment side by side: tables, their CSV files and report.html."""
    from packsight.runs.report import write_report
    from packsight.runs.sweep import pack_models, tell_results

    experiment = Path(cfg.outputs, cfg.name)
    page = write_report(experiment, *tell_results(experiment))
    if cfg.archive:
        console.print(f"models: [cyan]{pack_models(experiment)}[/]")
    console.print(f"report: [cyan]{page}[/]")
    return page


def _target(cfg: DictConfig) -> Path:
    """Where prepared data of that name stands; the source itself, if it is prepared data."""
    from packsight.data.prepared import is_prepared

    if cfg.data.source is not None and is_prepared(Path(cfg.data.source)):
        return Path(cfg.data.source)
    return Path(cfg.outputs, "data", cfg.data.name)


def _lock(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _prepare(cfg: DictConfig, target: Path) -> Path:
    import tempfile

    from packsight.data.prepare import prepare as prepare_source
    from packsight.data.sample import render_sample

    if cfg.data.source is not None:
        return prepare_source(Path(cfg.data.source), target, cfg.data)
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder, _source_name(cfg))
        render_sample(rendered, **cfg.data.sample)
        return prepare_source(rendered, target, cfg.data)


def _is_prepared(cfg: DictConfig) -> bool:
    from packsight.data.prepared import is_prepared

    return is_prepared(_target(cfg))


def _training_data(cfg: DictConfig) -> "tuple[Path, pd.DataFrame]":
    """The prepared data that a configuration names; prepared now if that was not done yet."""
    from packsight.data.prepared import check_request, load_data

    target = _target(cfg)
    if not _is_prepared(cfg):
        with locked(_lock(target), f"preparing {target}"):
            if not _is_prepared(cfg):
                _prepare(cfg, target)
    elif cfg.data.source is None or Path(cfg.data.source) != target:
        check_request(target, _source_name(cfg), cfg.data)
    return load_data(target, _max_bytes(cfg.data), Path(cfg.outputs, "cache"))


def _source_name(cfg: DictConfig) -> str:
    """What stands in summary.json as the source: a file's name, or the sample's settings."""
    if cfg.data.source is not None:
        return Path(cfg.data.source).name
    return "sample-" + "-".join(str(value) for value in cfg.data.sample.values())


def _data_of(run: "Run", cfg: DictConfig) -> "PackageDataModule":
    """The data that a trained run is asked about: `data=`, or what it was trained on."""
    from packsight.data.datamodule import PackageDataModule
    from packsight.data.prepared import load_data
    from packsight.files import sha256

    source = cfg.data.path or Path(cfg.outputs, "data", run.config.data.name)
    root, manifest = load_data(source, _max_bytes(cfg), Path(cfg.outputs, "cache"))
    config = run.config.copy()
    if sha256(root / "manifest.csv") != config.manifest:
        config.data.fold = None  # a fold is a part of the data that the run was trained on
    return PackageDataModule(root, manifest, config, run.image_size, Path(cfg.outputs, "cache"))


def _predictions(
    run: "Run", data: "PackageDataModule", splits: "list[Split]", device_name: str
) -> "dict[Split, pd.DataFrame]":
    """Splits scored with a run's best weights, in the precision of its training."""
    from packsight.evaluation.scoring import score_split
    from packsight.models.backbone import memory_format
    from packsight.training import precision as precisions

    device = precisions.choose_device(device_name)
    precision = precisions.resolve(run.config.precision.name, device)
    network = run.load_network().to(device, precisions.weights_dtype(precision))
    network = network.to(memory_format=memory_format(run.config.model))
    with precisions.autocast(precision, device):
        return {split: score_split(network, data, split, device) for split in splits}


def _evaluate(
    run: "Run", data: "PackageDataModule", splits: "list[Split]", device: str, folder: Path
) -> dict[str, Any]:
    """Score splits and write predictions.csv, metrics.json and figures/ to a folder."""
    from packsight.evaluation.scoring import metrics_table, write_evaluation

    metrics = write_evaluation(_predictions(run, data, splits, device), folder)
    for split in splits:
        console.print(metrics_table(metrics[split], f"{run.title}, {split} split"))
    return metrics


def _output(run: "Run", cfg: DictConfig, kind: str) -> Path:
    """Where results about a run go: `output=`, the run's own folder, or outputs/ for an archive."""
    if cfg.output is not None:
        return Path(cfg.output, run.name)
    if Path(cfg.run).is_dir():
        return run.folder / kind
    return Path(cfg.outputs, kind, run.name)


def _choice(choices: "type[Split]", key: str, value: str) -> "Split":
    """The member of that name. Raises UserError with the names there are."""
    if value not in list(choices):
        raise UserError(f"{key}={value} is unknown; use one of {', '.join(choices)}.")
    return choices(value)


def _max_bytes(cfg: DictConfig) -> int:
    return int(cfg.max_unpacked_gb * 10**9)
