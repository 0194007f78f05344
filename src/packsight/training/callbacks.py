"""What shows a training as it goes: progress, history.csv, a sheet of training images."""

from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torchvision.utils import make_grid

from packsight.data.datamodule import Batch
from packsight.files import replacing


class History(Logger):
    """history.csv: one row per epoch with every metric of train and validation, and the rate."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: dict[int, dict[str, float]] = {}

    @property
    def name(self) -> str:
        return "history"

    @property
    def version(self) -> int:
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        # Validation's metrics come first, the training's of the same epoch in a second call.
        row = self.rows.setdefault(int(metrics["epoch"]), {})
        row.update({key: value for key, value in metrics.items() if key != "epoch"})
        with replacing(self.file) as temporary:
            table = pd.DataFrame.from_dict(self.rows, orient="index")
            table.to_csv(temporary, index_label="epoch")

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """config.yaml holds them."""


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
        # A probe's batches are features.
        if trainer.global_step == 0 and batch.image.ndim == 4:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    sheet = make_grid(batch.image[:16].cpu(), nrow=4)
                    logger.experiment.add_image("train/images", sheet, 0)
