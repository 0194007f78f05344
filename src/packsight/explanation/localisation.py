"""For the operator: the box of what speaks most for damaged, in pixels of the original."""

from typing import NamedTuple

import cv2
import numpy as np

from packsight.domain import Box
from packsight.explanation.measures import smooth
from packsight.imaging.window import Window

LEVEL = 0.35  # of the smoothed map's highest value: where a region ends


class Found(NamedTuple):
    box: Box  # xmin ymin xmax ymax
    score: float  # share of what speaks for damaged that lies in the box, 0..1


def locate_damage(values: np.ndarray, window: Window, frame: tuple[int, int]) -> Found | None:
    """The region of a map [H, W] that speaks most for damaged, None where nothing does.

    Of the connected regions above `LEVEL`, the one with the largest sum. `window` is what the map
    shows of a frame of this (height, width); a box is cut off at the frame's edge.
    """
    smoothed = smooth(values.astype(np.float32))
    if not smoothed.max() > 0:
        return None
    above = (smoothed > LEVEL * smoothed.max()).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above)
    sums = np.bincount(labels.ravel(), smoothed.ravel(), minlength=count)
    x, y, width, height, _ = stats[1 + sums[1:].argmax()].tolist()
    positive = np.clip(values, 0, None)
    score = float(positive[y : y + height, x : x + width].sum() / positive.sum())
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    placed = to_frame(np.array(corners, float), window, values.shape)
    low, high = np.floor(placed.min(axis=0)), np.ceil(placed.max(axis=0))
    limits = np.array(frame[::-1])
    xmin, ymin = np.clip(low, 0, limits).astype(int).tolist()
    xmax, ymax = np.clip(high, 0, limits).astype(int).tolist()
    return Found((xmin, ymin, xmax, ymax), score)


def to_frame(points: np.ndarray, window: Window, size: tuple[int, ...]) -> np.ndarray:
    """Points [N, 2] of a window at `size` (height, width) in the pixels of its frame."""
    matrix = np.vstack([window.matrix((size[0], size[1])), [0, 0, 1]])
    homogeneous = np.column_stack([points, np.ones(len(points))])
    return (np.linalg.inv(matrix) @ homogeneous.T).T[:, :2]
