"""Where the package, its damage and the belt are in what a model saw."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from packsight.data.datamodule import PackageDataModule
from packsight.data.pairing import JOIN
from packsight.domain import LABELS, parse_boxes, parse_upright
from packsight.errors import UserError
from packsight.imaging.window import Window


@dataclass(frozen=True)
class Regions:
    """Masks, bool [H, W], of a model's input; None where nothing is known of a region."""

    package: np.ndarray | None
    belt: np.ndarray | None  # all that a camera shows beside the package
    damage: np.ndarray | None


def package_mask(row: dict[str, Any], root: Path) -> np.ndarray | None:
    """A package in its frame, uint8 [height, width] of 0 and 255; `row` is one of the manifest.

    Its mask where there is one; else where it was located: the outline's rectangle within its box.
    An annotated `package_box` is not used, because damaged packages have none.
    """
    if row["mask"]:
        mask = cv2.imread(str(root / row["mask"]), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise UserError(f"{root / row['mask']} cannot be read; restore it or prepare again.")
        return mask
    if not row["crop"]:
        return None
    box = np.zeros((row["height"], row["width"]), np.uint8)
    [(left, top, right, bottom)] = parse_boxes(row["crop"])
    box[top:bottom, left:right] = 255
    if row["upright"]:
        x, y, width, height, angle = parse_upright(row["upright"])
        corners = cv2.boxPoints(((x, y), (width, height), angle))
        outline = np.zeros_like(box)
        cv2.fillConvexPoly(outline, np.rint(corners).astype(np.int32), 255)
        box &= outline
    return box


def damage_mask(row: dict[str, Any]) -> np.ndarray | None:
    """The damage boxes of a damaged package in its frame; None where there are none."""
    if row["label"] != LABELS[1] or not row["damage_boxes"]:
        return None
    mask = np.zeros((row["height"], row["width"]), np.uint8)
    for left, top, right, bottom in parse_boxes(row["damage_boxes"]):
        mask[top:bottom, left:right] = 255
    return mask


def regions_of(data: PackageDataModule, path: str) -> Regions:
    """The regions of a model's input, one image or a pair side by side, by its path.

    Masks go through the window that the image went through. The half of a missing image is no
    region; a pair's damage is what either camera has boxes of.
    """
    packages: list[np.ndarray | None] = []
    belts: list[np.ndarray | None] = []
    damages: list[np.ndarray | None] = []
    nothing = np.zeros(data.image_size, bool)
    for part in path.split(JOIN):
        if not part:
            for masks in (packages, belts, damages):
                masks.append(nothing)
            continue
        [row] = data.table[data.table["path"] == part].to_dict("records")
        package = _cut(package_mask(row, data.root), row["window"], data.image_size)
        packages.append(package)
        belts.append(None if package is None else ~package)
        damages.append(_cut(damage_mask(row), row["window"], data.image_size))
    if any(mask is not None and mask.any() for mask in damages):
        damages = [nothing if mask is None else mask for mask in damages]
    return Regions(_joined(packages), _joined(belts), _joined(damages))


def _cut(mask: np.ndarray | None, window: Window, size: tuple[int, int]) -> np.ndarray | None:
    return None if mask is None else window.cut(np.dstack([mask] * 3), size)[..., 0] > 127


def _joined(masks: list[np.ndarray | None]) -> np.ndarray | None:
    known = [mask for mask in masks if mask is not None]
    return np.hstack(known) if len(known) == len(masks) else None
