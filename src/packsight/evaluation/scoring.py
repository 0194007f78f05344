"""Probabilities for every image of a loader: the one place where a model is asked for scores."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from packsight.data.datamodule import PackageDataModule
from packsight.domain import LABELS, THRESHOLD, Burst, Split
from packsight.evaluation.figures import confusion_figure, roc_pr_figure, save, score_figure
from packsight.evaluation.metrics import metrics_by_perspective
from packsight.evaluation.shots import pool_shots
from packsight.models.network import Axes, Network
from packsight.system.console import counted
from packsight.system.files import replacing, write_json
from packsight.system.fitted_table import FittedTable
from packsight.system.parallel import on_all_cores

SHOWN = ("accuracy", "recall_damaged", "recall_intact", "auroc")


def score_split(
    network: Network,
    data: PackageDataModule,
    split: Split,
    device: torch.device,
    mirrors: Sequence[Axes] = ((),),
    numbers: Callable[[], AbstractContextManager] = nullcontext,
) -> pd.DataFrame:
    """Every image of a split, or pair, with its probability of damaged: predictions.csv's columns.

    The network stands on `device`; it is left in evaluation mode. A probability is the mean over
    these `mirrors` of an image. `numbers` gives the context in which a thread computes, autocast
    for one.
    """
    network.eval()
    loader = data.eval_dataloader(split)
    images = loader.dataset

    @torch.inference_mode()
    def work(chunk: Sequence[int]) -> Tensor:
        batch = torch.stack([images[row].image for row in chunk])
        with numbers():
            return network.probability(batch.to(device), mirrors).cpu()

    rows = data.rows(split)
    scores = []
    with counted(f"score {split}", len(rows), "images") as advance:
        assert loader.batch_size
        for part in on_all_cores(work, range(len(rows)), loader.batch_size, device):
            scores.append(part)
            advance(len(part))
    probability = torch.cat(scores).numpy()
    table = rows[["serial", "perspective", "label"]].assign(probability=probability)
    table["predicted"] = np.where(probability >= THRESHOLD, LABELS[1], LABELS[0])
    table = table.assign(split=rows["split"], path=rows["path"], crop=rows["located"])
    return table.assign(cameras=rows["cameras"]) if "cameras" in rows else table


def metrics_table(metrics: dict[str, dict[str, Any]], title: str) -> FittedTable:
    """A split's metrics for the terminal: a row for all images, and for each camera of several."""
    columns = ("", "images", "packages", "accuracy", "recall damaged", "recall intact", "AUROC")
    table = FittedTable(title, columns)
    for part, values in metrics.items():
        shown = ["–" if values[name] is None else f"{values[name]:.3f}" for name in SHOWN]
        interval = f" [dim]{values['accuracy_low']:.2f}–{values['accuracy_high']:.2f}[/]"
        counts = str(values["images"]), str(values["packages"])
        table.add_row(part, *counts, shown[0] + interval, *shown[1:])
    if lost := next(iter(metrics.values())).get("not_located"):
        table.caption = f"{lost} scored as whole frames, because no package was found in them"
    return table


def write_evaluation(
    images: dict[Split, pd.DataFrame], folder: Path, burst: Burst = Burst.MEAN
) -> dict[str, Any]:
    """Write predictions.csv, metrics.json and figures/ for scored splits; return the metrics.

    Where packages have several images of a camera, predictions.csv has them pooled by `burst`, and
    shots.csv has each.
    """
    tables = {split: pool_shots(table, burst) for split, table in images.items()}
    if any("shots" in table for table in tables.values()):
        with replacing(folder / "shots.csv") as temporary:
            pd.concat(images.values()).to_csv(temporary, index=False)
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
