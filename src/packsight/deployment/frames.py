"""Frames from files to probabilities, a batch at a time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from packsight.console import track
from packsight.data.decode import UnusableImageError, decode
from packsight.data.manifest import LABELS
from packsight.deployment.predictor import Predictor
from packsight.evaluation.metrics import THRESHOLD


def words(probability: np.ndarray) -> np.ndarray:
    """The label that is predicted for each probability of damaged; empty for nan."""
    called = np.where(probability >= THRESHOLD, LABELS[1], LABELS[0])
    return np.where(np.isnan(probability), "", called)


def score(
    predictor: Predictor,
    root: Path,
    table: pd.DataFrame,
    inputs: Sequence[dict[str, int]],
    batch_size: int,
) -> np.ndarray:
    """Probability of damaged, float64 [N], of inputs {camera: row of the table}.

    An image that cannot be read gets its row's `error` and counts as missing, others get `crop`:
    auto, frame where the package was not found, or none. nan where an input has no image left.
    """

    def look(rows: dict[str, int]) -> tuple[np.ndarray | None, list[tuple[int, str, str]]]:
        seen, notes = {}, []
        for camera, row in rows.items():
            try:
                frame = read_frame(root / table.at[row, "path"])
            except UnusableImageError as error:
                notes.append((row, "error", str(error)))
                continue
            seen[camera], crop = predictor.look(frame, camera)
            notes.append((row, "crop", crop))
        return predictor.compose(seen) if seen else None, notes

    scores = np.full(len(inputs), np.nan)
    starts = range(0, len(inputs), batch_size)
    with ThreadPoolExecutor() as pool:
        for start in track(starts, "score", total=len(starts)):
            images = {}
            looked = pool.map(look, inputs[start : start + batch_size])
            for index, (image, notes) in enumerate(looked, start):
                if image is not None:
                    images[index] = image
                for row, column, value in notes:
                    table.at[row, column] = value
            if images:
                scores[list(images)] = predictor.probabilities(list(images.values()))
    return scores


def read_frame(file: Path) -> np.ndarray:
    """RGB uint8 [H, W, 3], converted as `prepare` would. Raises UnusableImageError."""
    content = decode(file).content or file.read_bytes()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UnusableImageError("not a readable image")
    return image
