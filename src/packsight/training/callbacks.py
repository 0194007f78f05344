"""What shows a training as it goes: progress, history.csv, a sheet of training images."""

import logging
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
from lightning.pytorch.callbacks import Checkpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torchvision.utils import make_grid

from packsight.data.datamodule import Batch
from packsight.system.files import replacing
from packsight.system.room import expect_room_for_run

# What a run leaves, in sizes of its weights: best.ckpt, and last.ckpt with what an optimiser like
# Adam keeps; and what it takes for a while, the next last.ckpt beside it.
KEPT, PASSING = 1 + 3, 3
# Warnings of Lightning's that tell of no mistake here.
EXPECTED = (
    ".*LeafSpec",  # how Lightning asks torch for something
    ".*does not have many workers",  # images come decoded from the cache
    "Checkpoint directory .* is not empty",  # the run goes on
    ".*sync_dist=True",  # torchmetrics brings the processes' values together
)


class Quiet(L.Callback):
    """Keeps such warnings from the terminal, in every process; it stands before the others."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message=message)


class History(Checkpoint):
    """history.csv: one row per epoch with every metric of train and validation, and the rate.

    Its rows travel in last.ckpt. As a kind of checkpoint it runs when an epoch's metrics are
    complete; it has to stand before those that save.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: dict[int, dict[str, float]] = {}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if trainer.is_global_zero:
            weights = sum(value.nbytes for value in pl_module.state_dict().values())
            expect_room_for_run(self.file.parent, KEPT * weights, PASSING * weights)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        self.rows[trainer.current_epoch] = metrics
        if trainer.is_global_zero:
            self._write()

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self._write()

    def _write(self) -> None:
        with replacing(self.file) as temporary:
            table = pd.DataFrame.from_dict(self.rows, orient="index")
            table.to_csv(temporary, index_label="epoch")


class Progress(RichProgressBar):
    """Epochs, steps and losses, without a version number: a run's name is its folder."""

    def get_metrics(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics


class AugmentedImages(L.Callback):
    """The first batch as the network sees it, in TensorBoard under `train/images`."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        # A probe's batches are features; of several processes one writes.
        first = trainer.global_step == 0 and trainer.is_global_zero
        if first and batch.image.ndim == 4:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    sheet = make_grid(batch.image[:16].cpu(), nrow=4)
                    logger.experiment.add_image("train/images", sheet)
