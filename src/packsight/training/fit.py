"""A run's training: its configuration's parts put together, and Lightning's trainer."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from packsight.data.datamodule import PackageDataModule
from packsight.data.locate import BeltModel
from packsight.models.backbone import Network
from packsight.training.callbacks import History
from packsight.training.classifier import Classifier
from packsight.training.precision import LIGHTNING, Precision


def fit(
    network: Network,
    data: PackageDataModule,
    belts: Mapping[str, BeltModel],
    cfg: DictConfig,
    precision: Precision,
    folder: Path,
) -> Logger:
    """Train; checkpoints and history.csv go to the run's folder. Returns the experiment logger."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's, about torch's own
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # 0 is chosen
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    optimizer, scheduler = instantiate(cfg.optimizer), instantiate(cfg.scheduler)
    layout = cfg.model.channels_last
    classifier = Classifier(network, optimizer, scheduler, cfg.finetune, layout, config, belts)
    board = instantiate(cfg.logger)
    callbacks = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    trainer = instantiate(
        cfg.trainer,
        precision=LIGHTNING[precision],
        default_root_dir=folder,
        callbacks=callbacks,
        logger=[History(folder / "history.csv"), board],
    )
    # Deterministic mode would fill all new memory, a sixth of a step, to show who reads it unset.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    trainer.fit(classifier, data)
    return board
