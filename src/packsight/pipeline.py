"""The stages, each a checklist: prepare, train, evaluate, explain, predict, report.

Imports stand inside the functions, so that a stage pays only for what it uses: torch, timm and
Lightning take seconds.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from packsight.errors import UserError
from packsight.system.console import console

if TYPE_CHECKING:
    import pandas as pd

    from packsight.data.datamodule import PackageDataModule
    from packsight.domain import Split
    from packsight.runs.saved import Run
    from packsight.runs.state import Trained


def prepare(cfg: DictConfig) -> Path:
    """Raw images, or the rendered sample, to outputs/data/<name>/ and <name>.zip."""
    from packsight.preparation.request import prepare_data

    return prepare_data(cfg, Path(cfg.outputs, "data", cfg.data.name))


def train(cfg: DictConfig) -> "Trained":
    """One run: fit, then score validation and test packages with the best checkpoint."""
    _check_source(cfg)
    from packsight.models.network import check_backbone, input_size

    check_backbone(cfg.model.backbone)
    size = input_size(cfg)
    import lightning as L

    from packsight.data.datamodule import PackageDataModule
    from packsight.data.on_device import check_on_device
    from packsight.data.transforms_config import augmentation
    from packsight.domain import Split
    from packsight.imaging.belt import load_belts
    from packsight.models.finetune import keeps_features
    from packsight.models.weights import initial_network
    from packsight.preparation.request import is_ready, training_data
    from packsight.runs.auto_choices import settle, settle_images
    from packsight.runs.folder import choose_folder, resolved
    from packsight.runs.saved import read_run
    from packsight.runs.state import Trained, is_done, recorded
    from packsight.system.files import sha256
    from packsight.training import precision as precisions
    from packsight.training.autotune import candidates
    from packsight.training.compilation import check_compile
    from packsight.training.cpu_kernels import suit_cpu
    from packsight.training.fit import fit
    from packsight.training.tensorboard import log_results

    device = precisions.choose_device(cfg.trainer.accelerator)
    among = candidates(cfg, device)
    keeps_features(cfg.finetune)  # refuses what cannot be kept
    pipeline = cfg.transforms.pipeline
    check_on_device(cfg.data.on_device, cfg.data.num_workers, cfg.finetune.views, pipeline)
    check_compile(cfg, device)
    if cfg.model.weights == "none" and cfg.finetune.frozen_share:
        raise UserError(
            "model.weights=none has nothing to keep; train all layers: finetune=scratch."
        )
    build = partial(initial_network, cfg, size)
    if not is_ready(cfg):
        build()  # a mistake there is told before data are made
        augmentation(pipeline, size)
    root, manifest = training_data(cfg)
    cfg.manifest = sha256(root / "manifest.csv")
    precision = settle(cfg, among, build, size, device)
    seen = manifest["perspective"].isin(list(cfg.perspective.cameras))
    settle_images(cfg, int(seen.sum()), size, device)
    folder = choose_folder(cfg)
    cfg.folder = str(folder)
    config = resolved(cfg)
    if is_done(folder, config):
        console.print(f"done already: [cyan]{folder}[/]", soft_wrap=True)
        return Trained(folder, skipped=True)

    augmentation(pipeline, size)  # a mistake there leaves no run
    precisions.apply_matmul(precision)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    network = build()
    if not keeps_features(cfg.finetune):
        suit_cpu(network, precision, device)
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
    from packsight.evaluation.late_fusion import parse_fusion
    from packsight.runs.saved import find_runs, results_folder

    split, fusion = _split(cfg.split), parse_fusion(cfg.fusion)
    folders = {}
    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        for run in runs:
            data = _data_of(run, cfg)
            folder = results_folder(run, cfg, "evaluations") / f"{data.root.name}_{split}"
            _evaluate(run, data, [split], cfg.device, folder)
            console.print(f"results: [cyan]{folder}[/]")
            folders[run.name] = folder
        from packsight.reporting.camera_fusion import write_verdicts

        write_verdicts(runs, folders, fusion)
    return list(folders.values())


def explain(cfg: DictConfig) -> list[Path]:
    """Where trained runs looked: every image's map measured, and a gallery of each outcome."""
    from hydra.utils import instantiate

    from packsight.runs.saved import find_runs, results_folder

    split = _split(cfg.split)
    folders = []
    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        from packsight.explanation.attribution import Scorer
        from packsight.explanation.baselines import Baselines, parse_baselines
        from packsight.explanation.selection import select
        from packsight.explanation.study import check_sanity, explain_images, print_measures
        from packsight.training.precision import choose_device
        from packsight.training.tensorboard import show_files

        explainer = instantiate(cfg.explainer, _convert_="all")
        parse_baselines(explainer.baselines)
        device = choose_device(cfg.device)
        for run in runs:
            console.print(f"[bold]{run.title}[/]", highlight=False)
            data = _data_of(run, cfg)
            predictions = _predictions(run, data, [split], cfg.device)[split]
            images = [*map(str, cfg.images)]
            chosen = select(predictions, split, cfg.per_outcome, images, cfg.measured)
            folder = results_folder(run, cfg, "explanations")
            network = run.load_network().to(device)
            baselines = Baselines(data, explainer.baselines)
            pooled = explain_images(Scorer(network), data, chosen, explainer, baselines, folder)
            print_measures(pooled)
            if cfg.sanity:
                check_sanity(network, data, chosen, explainer, baselines, cfg.sanity, folder)
            if folder.parent == run.folder:
                panels = (folder / "panels").iterdir()
                show_files(run.folder, "explanations", [folder / "contact_sheet.png", *panels])
            console.print(f"maps: [cyan]{folder}[/]")
            folders.append(folder)
    return folders


def predict(cfg: DictConfig) -> Path:
    """Images without labels to predictions.csv, and verdicts for packages seen by both cameras."""
    from packsight.runs.saved import find_runs

    with find_runs(cfg.run, cfg.member, _max_bytes(cfg)) as runs:
        from packsight.deployment.prediction import predict_source

        return predict_source(runs, cfg)


def report(cfg: DictConfig) -> Path:
    """The runs of an experiment side by side: tables, their CSV files and report.html."""
    from packsight.reporting.leaderboard import run_folders

    experiment = Path(cfg.outputs, cfg.name)
    run_folders(experiment)  # that there is one, before anything heavy is imported
    from packsight.reporting.page import write_report
    from packsight.reporting.sweep_end import pack_models, print_results

    page = write_report(experiment, *print_results(experiment, cfg.max_belt_share))
    if cfg.archive:
        console.print(f"models: [cyan]{pack_models(experiment)}[/]")
    console.print(f"report: [cyan]{page}[/]")
    return page


def _check_source(cfg: DictConfig) -> None:
    """Raise UserError for images that are not there, before anything heavy is imported."""
    if cfg.data.source is not None and not Path(cfg.data.source).exists():
        raise UserError(f"{cfg.data.source} does not exist; give a folder or a zip archive.")


def _data_of(run: "Run", cfg: DictConfig) -> "PackageDataModule":
    """The data that a trained run is asked about: `data=`, or what it was trained on."""
    from packsight.data.datamodule import PackageDataModule
    from packsight.preparation.prepared import load_data
    from packsight.system.files import sha256

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
    from packsight.training import precision as precisions

    device = precisions.choose_device(device_name)
    precision = precisions.resolve(run.config.precision.name, device)
    network = run.load_for_scoring(device, precision)
    numbers = partial(precisions.autocast, precision, device)
    return {split: score_split(network, data, split, device, numbers) for split in splits}


def _evaluate(
    run: "Run", data: "PackageDataModule", splits: "list[Split]", device: str, folder: Path
) -> dict[str, Any]:
    """Score splits and write predictions.csv, metrics.json and figures/ to a folder."""
    from packsight.evaluation.scoring import metrics_table, write_evaluation

    metrics = write_evaluation(_predictions(run, data, splits, device), folder)
    for split in splits:
        console.print(metrics_table(metrics[split], f"{run.title}, {split} split"))
    return metrics


def _split(name: str) -> "Split":
    """The split of that name. Raises UserError with the names there are."""
    from packsight.domain import Split

    if name not in list(Split):
        raise UserError(f"split={name} is unknown; use one of {', '.join(Split)}.")
    return Split(name)


def _max_bytes(cfg: DictConfig) -> int:
    return int(cfg.max_unpacked_gb * 10**9)
