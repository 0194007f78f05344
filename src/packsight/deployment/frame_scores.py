"""Frames from files to probabilities, on all cores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from packsight.domain import LABELS, THRESHOLD
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.line.ensemble import Ensemble
from packsight.system.console import counted
from packsight.system.parallel import on_all_cores


def words(probability: np.ndarray) -> np.ndarray:
    """The label that is predicted for each probability of damaged; empty for nan."""
    called = np.where(probability >= THRESHOLD, LABELS[1], LABELS[0])
    return np.where(np.isnan(probability), "", called)


class Note(NamedTuple):
    """What is to be written of a frame: its row's `error`, or how it was cropped."""

    row: int
    column: str
    value: str


def score(
    model: Ensemble[Any],
    root: Path,
    table: pd.DataFrame,
    inputs: Sequence[dict[str, int]],
    batch_size: int,
    device: torch.device,
) -> np.ndarray:
    """Probability of damaged, float64 [N], of inputs {camera: row of the table}.

    An image that cannot be read gets its row's `error` and counts as missing, others get `crop`:
    auto, frame where the package was not found, or none. nan where an input has no image left.
    """
    paths = table["path"].to_dict()

    def look(rows: dict[str, int], notes: list[Note]) -> Any:
        seen = {}
        for camera, row in rows.items():
            try:
                frame = read_rgb(root / paths[row])
            except UnusableImageError as error:
                notes.append(Note(row, "error", str(error)))
                continue
            seen[camera], crop = model.look(frame, camera)
            notes.append(Note(row, "crop", crop))
        return model.compose(seen) if seen else None

    def work(chunk: Sequence[dict[str, int]]) -> tuple[np.ndarray, list[Note]]:
        notes: list[Note] = []
        images = [look(rows, notes) for rows in chunk]
        found = [image for image in images if image is not None]
        scores = np.full(len(chunk), np.nan)
        if found:
            scores[[image is not None for image in images]] = model.probabilities(found)
        return scores, notes

    parts, noted = [], []
    with counted("score", len(inputs), "images") as advance:
        for scores, notes in on_all_cores(work, inputs, batch_size, device):
            parts.append(scores)
            noted += notes
            advance(len(scores))
    for column, rows in pd.DataFrame(noted, columns=Note._fields).groupby("column"):
        table.loc[rows["row"], column] = rows["value"].to_numpy()
    return np.concatenate(parts) if parts else np.empty(0)
