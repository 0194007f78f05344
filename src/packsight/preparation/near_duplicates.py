"""Images of different packages that look like one picture saved twice, across splits and folds."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.fft import dctn

from packsight.domain import parse_boxes
from packsight.imaging.decode import read_image

# A hash is the sign of the lowest frequencies of the located crop. With the usual 8 of them in each
# direction different packages of one product differ in 3 % of the bits, as one saved again does.
# With 24 different ones differ in 17 % at least (360 photographs and 400 rendered images), and one
# that was compressed to JPEG quality 50, lightened, shrunk or moved by a pixel in 9 % at most.
FREQUENCIES = 24
SIDE = 96  # pixels that a crop is shrunk to
ALIKE = 0.12  # of the bits differ at most
FLAT = 2.0  # grey levels of standard deviation: with less there is nothing to compare
MOST = 100  # pairs that are named
BLOCK = 1000  # images that are compared with all others at once


def near_duplicates(table: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Pairs of a manifest's images that look alike and lie in different splits or folds.

    `count` of all pairs, and the closest `MOST` of them as `pairs`: images (two paths), distance
    (share of bits that differ), splits and folds.
    """
    with ThreadPoolExecutor() as pool:
        places = zip(table["path"], table["crop"], strict=True)
        hashes = list(pool.map(lambda place: _hash(folder / place[0], place[1]), places))
    found: list[tuple[float, int, int]] = []
    for _, group in table.groupby("perspective"):
        rows = [row for row in group.index if hashes[row] is not None]
        found += _close(table, np.array(rows), np.array([hashes[row] for row in rows]))
    found.sort()
    pairs = [
        {
            "images": [table.at[one, "path"], table.at[other, "path"]],
            "distance": round(distance, 4),
            "splits": [table.at[row, "split"] for row in (one, other)],
            "folds": [_number(table.at[row, "fold"]) for row in (one, other)],
        }
        for distance, one, other in found[:MOST]
    ]
    return {"count": len(found), "pairs": pairs}


def told(found: Mapping[str, Any]) -> str:
    """What `near_duplicates` found, in a sentence with the closest pair."""
    one, other = found["pairs"][0]["images"]
    return (
        f"near-duplicates across splits or folds: {found['count']}, such as {one} and {other}; "
        "summary.json names them. If they show one package under two serials, leave one out: a "
        "model would be tested on what it has learned."
    )


def _hash(path: Path, crop: str) -> np.ndarray | None:
    """The signs, -1 or 1, of a crop's lowest frequencies; None where it has nothing on it."""
    [(left, top, right, bottom)] = parse_boxes(crop)
    grey = cv2.cvtColor(read_image(path)[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < FLAT:
        return None
    lowest = dctn(small)[:FREQUENCIES, :FREQUENCIES].ravel()[1:]  # without the mean
    return np.where(lowest > np.median(lowest), 1, -1).astype(np.float32)


def _close(
    table: pd.DataFrame, rows: np.ndarray, hashes: np.ndarray
) -> list[tuple[float, int, int]]:
    """Distance and rows of each pair of different packages, in different splits or folds."""
    part = table["split"].astype(str) + table["fold"].astype(str)
    parts, serials = part[rows].to_numpy(), table["serial"][rows].to_numpy()
    found = []
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        distances = (1 - hashes[block] @ hashes.T / hashes.shape[1]) / 2
        for one, other in np.argwhere(distances <= ALIKE):
            first = start + one
            if first < other and parts[first] != parts[other] and serials[first] != serials[other]:
                pair = int(rows[first]), int(rows[other])
                found.append((max(0.0, float(distances[one, other])), *pair))
    return found


def _number(fold: Any) -> int | None:
    return None if pd.isna(fold) else int(fold)
