"""What a finished run adds to its loggers: settings with their results, TensorBoard figures too."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from packsight.evaluation.figures import history_figure, save
from packsight.evaluation.results import read_history
from packsight.training.loggers import log_to_others

BESIDE = ("val/loss", "val/auroc", "val/recall_damaged", "train/loss")
COMPARED = ("accuracy", "recall_damaged", "recall_intact", "auroc")


def log_results(
    loggers: Sequence[Logger], folder: Path, config: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Draw the learning curves; give all loggers settings and results, TensorBoard the figures."""
    history = read_history(folder / "history.csv")
    title = f"{config['model']['backbone']}, {config['perspective']['name']} camera"
    save(history_figure(history, title), folder / "figures" / "history.png")
    chosen = {
        "backbone": config["model"]["backbone"],
        "weights": config["model"]["weights"],
        "perspective": config["perspective"]["name"],
        "precision": config["precision"]["name"],
        "optimizer": config["optimizer"]["_target_"].rpartition(".")[2],
        "lr": config["optimizer"]["lr"],
        "backbone_lr_scale": config["finetune"]["backbone_lr_scale"],
        "batch_size": config["data"]["batch_size"],
        "seed": config["seed"],
    }
    test = metrics["test"]["all"]
    results = {f"test/{name}": test[name] for name in COMPARED if test[name] is not None}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(chosen, results)
            _show_side_by_side(logger.experiment, chosen["perspective"], history)
            logger.finalize("success")
            show_files(folder, "figures", sorted((folder / "figures").glob("*.png")))
        else:
            log_to_others(logger, chosen, results)


def _show_side_by_side(writer: SummaryWriter, perspective: str, history: pd.DataFrame) -> None:
    """Under "Custom Scalars", a section for each camera in which all its runs share a chart."""
    charts = {}
    for name in BESIDE:
        tag = f"{perspective}/{name.replace('/', '_')}"
        charts[name] = ["Multiline", [tag]]
        for epoch, value in zip(history["epoch"], history[name], strict=True):
            writer.add_scalar(tag, value, epoch)
    writer.add_custom_scalars({f"{perspective} camera": charts})


def show_files(folder: Path, section: str, files: Iterable[Path]) -> None:
    """Add picture files to the TensorBoard images of the run in `folder`, under a section."""
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        for file in files:
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            writer.add_image(f"{section}/{file.stem}", pixels, dataformats="HWC")
