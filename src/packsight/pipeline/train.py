"""One run: a network trained, and scored on validation and test packages."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from packsight.configuration.stored import resolved
from packsight.pipeline.parts import part
from packsight.pipeline.plan import Plan, logger_makers, plan_run
from packsight.system.console import console

if TYPE_CHECKING:
    import pandas as pd

    from packsight.data.datamodule import PackageDataModule
    from packsight.models.network import Network
    from packsight.runs.state import Attempt, Trained
    from packsight.training.precision import Precision


def train(cfg: DictConfig) -> "Trained":
    """Fit a network, then score validation and test packages with the best checkpoint."""
    plan = plan_run(cfg)
    root, images = provide_data(cfg, plan)
    precision = settle(cfg, plan, images)
    folder, config = place_run(cfg)
    from packsight.data.membership import write_members
    from packsight.runs.first_weights import learned_from
    from packsight.runs.state import Trained, is_done, recorded

    if is_done(folder, config):
        console.print(f"done already: [cyan]{folder}[/]", soft_wrap=True)
        return Trained(folder, skipped=True)
    network, data = assemble(cfg, plan, root, precision)
    packages = learned_from(cfg.model.weights, data)
    with recorded(folder, config, cfg.run.wait) as attempt:
        if attempt.done:
            return Trained(folder, skipped=True)
        if attempt.checkpoint:
            console.print(f"goes on: [cyan]{folder}[/]", soft_wrap=True)
        write_members(packages, folder)
        loggers = fit_network(
            cfg, plan, network, data, packages, precision, folder, config, attempt
        )
        score_run(cfg, root, folder, config, loggers)
    console.print(f"run: [cyan]{folder}[/]", soft_wrap=True)
    return Trained(folder)


def provide_data(cfg: DictConfig, plan: Plan) -> tuple[Path, int]:
    """The folder of the prepared data, and how many images the chosen cameras have in it.

    The data are prepared now if that was not done yet.
    """
    from packsight.models.weights import weights_file
    from packsight.preparation.coverage import tell_gaps
    from packsight.preparation.prepared import load_data, stored_split_settings
    from packsight.system.files import sha256

    request = part(cfg, "request")()
    if not request.is_ready:
        plan.network()  # a mistake in either is told before data are made
        part(cfg, "datamodule.transform")()
    root, manifest = load_data(
        request.provide(), int(cfg.data.max_unpacked_gb * 10**9), Path(cfg.outputs, "cache")
    )
    cfg.manifest = sha256(root / "manifest.csv")
    weights = weights_file(cfg.model.weights, cfg.model.backbone)
    cfg.weights_content = sha256(weights) if weights else None
    settings = stored_split_settings(root)
    cfg.data.split = str(settings.split)  # of data that were prepared elsewhere
    tell_gaps(manifest, settings, cfg.perspective.cameras, cfg.data.fold, cfg.monitor)
    return root, int(manifest["perspective"].isin(list(cfg.perspective.cameras)).sum())


def settle(cfg: DictConfig, plan: Plan, images: int) -> "Precision":
    """Put what `auto` stands for into the configuration, where it is stored and hashed."""
    from packsight.data.on_device import pays
    from packsight.runs.auto_choices import choose, images_on_device
    from packsight.training.autotune import Workload, measure

    work = Workload(
        backbone=cfg.model.backbone,
        size=plan.size,
        batch_size=cfg.data.batch_size,
        optimizer=instantiate(cfg.optimizer),
        backbone_lr_scale=cfg.finetune.backbone_lr_scale,
        frozen_share=cfg.finetune.frozen_share,
        paired=cfg.perspective.paired,
        features=cfg.finetune.views > 0,
    )
    among, cache = plan.candidates, Path(cfg.outputs, "cache")
    chosen, cfg.measured = choose(
        resolved(cfg), among, lambda: measure(plan.network(), work, plan.device, among, cache)
    )
    cfg.precision.name = chosen.precision.value
    cfg.model.memory_format = chosen.memory_format
    config = resolved(cfg)
    cfg.data.on_device = images_on_device(
        config,
        lambda: pays(
            images, plan.size, plan.device, cfg.data.num_workers, cfg.finetune.views,
            config["transforms"]["pipeline"],
        ),
    )  # fmt: skip
    return chosen.precision


def place_run(cfg: DictConfig) -> tuple[Path, dict[str, Any]]:
    """The run's folder, and its configuration as it is stored there."""
    from packsight.runs.folder import choose_folder, portable

    folder = choose_folder(resolved(cfg))
    cfg.folder = str(folder)
    config = portable(resolved(cfg), folder)
    # Where the results are, as seen from the run, so that all of them can be moved.
    return folder, config | {"outputs": os.path.relpath(cfg.outputs, folder)}


def assemble(
    cfg: DictConfig, plan: Plan, root: Path, precision: "Precision"
) -> "tuple[Network, PackageDataModule]":
    """The network as its training starts, and its images."""
    import lightning as L

    from packsight.training.cpu_kernels import suit_cpu
    from packsight.training.precision import apply_matmul

    apply_matmul(precision)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    network = plan.network()
    if not cfg.finetune.views:
        suit_cpu(network, precision, plan.device)
    return network, part(cfg, "datamodule")(source=root, image_size=plan.size)


def fit_network(
    cfg: DictConfig,
    plan: Plan,
    network: "Network",
    data: "PackageDataModule",
    packages: "pd.DataFrame",
    precision: "Precision",
    folder: Path,
    config: dict[str, Any],
    attempt: "Attempt",
) -> list[Any]:
    """Train; returns the experiment loggers."""
    import lightning as L

    from packsight.training.fit import fit
    from packsight.training.loggers import run_loggers
    from packsight.training.optim import fused
    from packsight.training.probe import keep_features

    classifier = part(cfg, "classifier")(
        network=network,
        optimizer=fused(instantiate(cfg.optimizer)),
        belts=data.belts,
        config=config,
        packages=packages.to_dict("list"),
    )
    shown: L.LightningDataModule = data
    if cfg.finetune.views:
        views = min(cfg.finetune.views, cfg.trainer.max_epochs)
        layout = cfg.model.memory_format
        shown = keep_features(network, data, views, precision, layout, plan.device)
    loggers = run_loggers(logger_makers(cfg), folder, attempt.checkpoint)
    fit(
        classifier,
        shown,
        instantiate(cfg.trainer, _partial_=True),
        [instantiate(callback) for callback in cfg.callbacks.values() if callback],
        loggers,
        precision,
        folder,
        cfg.model.compile,
        attempt.checkpoint,
    )
    return loggers


def score_run(
    cfg: DictConfig, root: Path, folder: Path, config: dict[str, Any], loggers: list[Any]
) -> None:
    """Score validation and test packages with the best checkpoint, and show what came out."""
    from packsight.domain import Split
    from packsight.pipeline.evaluate import evaluate_run
    from packsight.runs.saved import read_run
    from packsight.training.tensorboard import log_results

    run, cache = read_run(folder), Path(cfg.outputs, "cache")
    # As any later stage sees them, not as training did: its crop may be of boxes that were drawn.
    data = run.open_data(root, cfg.data.fold, cache, cfg.data.max_unpacked_gb)
    metrics = evaluate_run(run, data, [Split.VAL, Split.TEST], cfg.trainer.accelerator, folder)
    log_results(loggers, folder, config, metrics)
