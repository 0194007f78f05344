"""What a training needs to go on exactly where it was interrupted."""

import os
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from packsight.system.files import replacing

HERE = "./"  # the run's folder, in a checkpoint


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent, whatever kills the process.

    Lightning's own are written to the system's temporary folder and moved; between two file
    systems a move is a copy, which a kill can cut short. Paths below the run's `folder` stand in
    them relative to it, so that a run can be moved: Lightning would forget the best epoch.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = f"{folder.resolve()}{os.sep}"

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        states = _with_prefix(checkpoint.get("callbacks", {}), self.folder, HERE)
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint | {"callbacks": states}, temporary)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = lambda storage, location: storage,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        checkpoint = super().load_checkpoint(path, map_location, weights_only)
        states = _with_prefix(checkpoint.get("callbacks", {}), HERE, self.folder)
        return checkpoint | {"callbacks": states}


def _with_prefix(value: Any, before: str, after: str) -> Any:
    """A nested value in which all texts that begin with `before` begin with `after` instead."""
    if isinstance(value, dict):
        return {
            _with_prefix(key, before, after): _with_prefix(item, before, after)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_with_prefix(item, before, after) for item in value)
    if isinstance(value, str) and value.startswith(before):
        return after + value.removeprefix(before)
    return value


class StayStopped(L.Callback):
    """A training that early stopping had ended, but not yet evaluated, trains no further epoch."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for callback in trainer.early_stopping_callbacks:
            assert isinstance(callback, EarlyStopping)
            if callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
                trainer.should_stop = True
