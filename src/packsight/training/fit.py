"""A run's training: its configuration's parts put together, and Lightning's trainer."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from packsight.data.datamodule import PackageDataModule
from packsight.imaging.belt import BeltModel
from packsight.models.finetune import keeps_features
from packsight.models.network import Network, memory_format
from packsight.system.parallel import one_core
from packsight.training.callbacks import History, Quiet
from packsight.training.checkpointing import StayStopped, WholeCheckpoints
from packsight.training.classifier import Classifier
from packsight.training.compilation import Compiled
from packsight.training.loggers import run_loggers
from packsight.training.optim import fused
from packsight.training.precision import LIGHTNING, Precision
from packsight.training.probe import Probe, keep_features


def logger_makers(parts: DictConfig) -> dict[str, partial[Logger]]:
    """What makes each logger of a configuration, by its name; one that is null is left out."""
    return {
        str(name): instantiate(part, _partial_=True, _convert_="all")
        for name, part in parts.items()
        if part
    }


def fit(
    network: Network,
    data: PackageDataModule,
    belts: Mapping[str, BeltModel],
    cfg: DictConfig,
    precision: Precision,
    folder: Path,
    checkpoint: Path | None = None,
) -> list[Logger]:
    """Train, from a checkpoint on where there is one. Returns the loggers.

    Checkpoints and history.csv go to the run's folder. Raises KeyboardInterrupt where SIGINT or
    SIGTERM ended the training.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    optimizer = fused(instantiate(cfg.optimizer), precision)
    scheduler = instantiate(cfg.scheduler)
    layout = memory_format(cfg.model)
    seen: L.LightningDataModule = data
    kind = Classifier
    if keeps_features(cfg.finetune):
        kind, seen = Probe, keep_features(network, data, cfg, precision)
    classifier = kind(network, optimizer, scheduler, cfg.finetune, layout, config, belts)
    loggers = run_loggers(logger_makers(cfg.logger), folder, checkpoint)
    callbacks = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    if cfg.model.compile:
        callbacks.append(Compiled(cfg.model.compile))
    trainer = instantiate(cfg.trainer, _partial_=True)(
        precision=LIGHTNING[precision],
        default_root_dir=folder,
        callbacks=[Quiet(), StayStopped(), History(folder / "history.csv"), *callbacks],
        logger=loggers,
        plugins=[WholeCheckpoints()],
    )
    # Deterministic mode would fill all new memory, a sixth of a step, to show who reads it unset.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with one_core() if kind is Probe else nullcontext():
            trainer.fit(classifier, seen, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as stopped:  # what Lightning makes of the two signals
        raise KeyboardInterrupt from stopped
    return loggers
