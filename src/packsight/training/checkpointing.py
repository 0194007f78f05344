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


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent, whatever kills the process, wherever their folder goes.

    Lightning's own are written to the system's temporary folder and moved; between two file
    systems a move is a copy, which a kill can cut short. It also forgets which epoch was the best
    if the folder has another name than when the checkpoint was written.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(self, path: str | Path, *arguments: Any, **keywords: Any) -> dict[str, Any]:
        checkpoint: dict[str, Any] = super().load_checkpoint(path, *arguments, **keywords)
        here = os.path.realpath(Path(path).parent)
        for name, state in checkpoint.get("callbacks", {}).items():
            if isinstance(state, dict) and isinstance(there := state.get("dirpath"), str):
                checkpoint["callbacks"][name] = _moved(state, there, here)
        return checkpoint


def _moved(value: Any, there: str, here: str) -> Any:
    """A value with the paths in it, as keys too, that begin `there` beginning `here`."""
    if isinstance(value, dict):
        return {_moved(k, there, here): _moved(v, there, here) for k, v in value.items()}
    if isinstance(value, str) and (value == there or value.startswith(there + os.sep)):
        return here + value.removeprefix(there)
    return value


class StayStopped(L.Callback):
    """A training that early stopping had ended, but not yet evaluated, trains no further epoch."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for callback in trainer.early_stopping_callbacks:
            assert isinstance(callback, EarlyStopping)
            if callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
                trainer.should_stop = True
