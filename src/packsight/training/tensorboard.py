"""What a finished run adds to TensorBoard: hyperparameters with their results, and figures."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from packsight.evaluation.figures import history_figure, save

BESIDE = ("val/loss", "val/auroc", "val/recall_damaged", "train/loss")
COMPARED = ("accuracy", "recall_damaged", "recall_intact", "auroc")


def log_results(
    logger: Logger, folder: Path, config: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Draw the learning curves; show them, the other figures and hparams in TensorBoard."""
    history = pd.read_csv(folder / "history.csv")
    title = f"{config['model']['backbone']}, {config['perspective']['name']} camera"
    save(history_figure(history, title), folder / "figures" / "history.png")
    if not isinstance(logger, TensorBoardLogger):
        return
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
    logger.log_hyperparams(chosen, results)
    _show_side_by_side(logger.experiment, chosen["perspective"], history)
    logger.finalize("success")
    show_files(folder, "figures", sorted((folder / "figures").glob("*.png")))


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
