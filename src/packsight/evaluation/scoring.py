"""Probabilities for every image of a loader: the one place where a model is asked for scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader

from packsight.console import track
from packsight.data.datamodule import Batch, PackageDataModule
from packsight.data.manifest import LABELS, Split
from packsight.evaluation.figures import confusion_figure, roc_pr_figure, save, score_figure
from packsight.evaluation.metrics import THRESHOLD, metrics_by_perspective
from packsight.files import replacing, write_json

SHOWN = ("accuracy", "recall_damaged", "recall_intact", "auroc")


@torch.inference_mode()
def damaged_probabilities(
    network: nn.Module,
    loader: DataLoader[Batch],
    device: torch.device,
    description: str,
) -> np.ndarray:
    """Probability of damaged, float64 [N] in the loader's order.

    The network is moved to `device` and left in evaluation mode.
    """
    network = network.to(device).eval()
    scores = []
    for batch in track(loader, description, total=len(loader)):
        logits = network(batch.image.to(device, non_blocking=True))
        scores.append(torch.softmax(logits.double(), dim=1)[:, 1].cpu())
    return torch.cat(scores).numpy()


def prediction_table(rows: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """predictions.csv from a manifest's rows and the probability of damaged of each."""
    table = rows[["serial", "perspective", "label"]].copy()
    table["probability"] = probabilities
    table["predicted"] = np.where(probabilities >= THRESHOLD, LABELS[1], LABELS[0])
    return table.assign(split=rows["split"], path=rows["path"])


def metrics_table(metrics: dict[str, dict[str, Any]], title: str) -> Table:
    """A split's metrics for the terminal: a row for all images, and for each camera of several."""
    table = Table(title=title, title_justify="left")
    for column in ("images", "packages", "accuracy", "95 %", *SHOWN[1:]):
        table.add_column(column.replace("_", " "), justify="right")
    for part, values in metrics.items():
        interval = f"{values['accuracy_low']:.2f}–{values['accuracy_high']:.2f}"
        shown = ["–" if values[name] is None else f"{values[name]:.3f}" for name in SHOWN]
        images = f"{values['images']} {part}" if len(metrics) > 1 else str(values["images"])
        table.add_row(images, str(values["packages"]), shown[0], interval, *shown[1:])
    return table


def evaluate_splits(
    network: nn.Module,
    data: PackageDataModule,
    splits: Sequence[Split],
    device: torch.device,
    folder: Path,
) -> dict[str, Any]:
    """Score whole splits; write predictions.csv, metrics.json and figures/; return the metrics."""
    tables = {}
    for split in splits:
        loader = data.eval_dataloader(split)
        scores = damaged_probabilities(network, loader, device, f"score {split}")
        tables[split] = prediction_table(data.rows(split), scores)
    metrics = {split.value: metrics_by_perspective(table) for split, table in tables.items()}
    with replacing(folder / "predictions.csv") as temporary:
        pd.concat(tables.values()).to_csv(temporary, index=False)
    write_json(folder / "metrics.json", metrics)
    for split, table in tables.items():
        for name, draw in (
            ("confusion", confusion_figure),
            ("curves", roc_pr_figure),
            ("scores", score_figure),
        ):
            save(draw(table, f"{split} split"), folder / "figures" / f"{name}_{split}.png")
    return metrics
