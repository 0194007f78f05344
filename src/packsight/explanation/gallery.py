"""Attributions to look at: a panel for each image, a contact sheet, and the numbers behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from omegaconf import DictConfig
from torch import nn

from packsight.data.cache import read_image
from packsight.data.contact_sheet import contact_sheet
from packsight.data.datamodule import PackageDataModule
from packsight.data.manifest import Box, parse_boxes
from packsight.data.pair import JOIN
from packsight.explanation.attribution import Attribution, Baseline, integrated_gradients
from packsight.explanation.selection import Outcome
from packsight.files import replacing

COLOURS = "PuOr_r"  # orange speaks for damaged, purple against; colour-blind people can tell them
QUANTILE = 99.5  # of the map's absolute values: the end of the colour scale
ZOOM = 2  # pixels of a panel's image for each that the model saw
TRUSTED_DELTA = 0.05  # above this share of the score difference, a map is marked
BARS = {
    Outcome.HIT: (0, 114, 178),
    Outcome.MISS: (213, 94, 0),
    Outcome.FALSE_ALARM: (204, 121, 167),
    Outcome.CORRECT_PASS: (70, 76, 86),
}


@dataclass(frozen=True)
class Explained:
    """What a model saw of an image or of a pair side by side, and its attribution."""

    image: np.ndarray  # RGB uint8 [H, W, 3], in the pixels of the original
    boxes: Sequence[Box]  # in pixels of the image
    row: dict[str, object]
    attribution: Attribution

    @property
    def name(self) -> str:
        return f"{self.row['serial']}_{self.row['perspective']}"

    def map(self) -> np.ndarray:
        """The attribution at the image's size, float32 [H, W]."""
        height, width = self.image.shape[:2]
        own = self.attribution.map.numpy()
        return cv2.resize(own, (width, height), interpolation=cv2.INTER_LINEAR)

    def limit(self) -> float:
        """The value at the end of the colour scale."""
        return max(float(np.percentile(np.abs(self.attribution.map.numpy()), QUANTILE)), 1e-12)


def explain_images(
    network: nn.Module,
    data: PackageDataModule,
    chosen: pd.DataFrame,
    baseline: Baseline,
    explainer: DictConfig,
    folder: Path,
) -> None:
    """Attribute the score of each chosen row of predictions, and write the gallery.

    `explainer` holds steps and internal_batch_size. The network stands on its device.
    """
    device = next(network.parameters()).device
    images = data.images(chosen["path"]).float().div(255).to(device)
    found = integrated_gradients(
        network, images, baseline, explainer.steps, explainer.internal_batch_size
    )
    explained = [
        Explained(
            *_original(data, row["path"]),
            {str(column): row[column] for column in chosen.columns},
            attribution,
        )
        for (_, row), attribution in zip(chosen.iterrows(), found, strict=True)
    ]
    name = f"Integrated Gradients, {baseline} baseline, {explainer.steps} steps"
    write_gallery(folder, explained, name)


def _original(data: PackageDataModule, path: str) -> tuple[np.ndarray, list[Box]]:
    """What the model saw of a row, from the original files at `ZOOM`, and the boxes there.

    The images of a pair stand side by side; a missing one is black.
    """
    height, width = (ZOOM * side for side in data.image_size)
    pictures, boxes = [], []
    for number, part in enumerate(path.split(JOIN)):
        if not part:
            pictures.append(np.zeros((height, width, 3), np.uint8))
            continue
        [row] = data.table[data.table["path"] == part].to_dict("records")
        pictures.append(row["window"].cut(read_image(data.root / part), (height, width)))
        matrix = row["window"].matrix((height, width))
        for left, top, right, bottom in parse_boxes(row["damage_boxes"] or row["package_box"]):
            corners = np.array([[left, left, right, right], [top, bottom, top, bottom], [1] * 4])
            placed = np.rint(matrix @ corners + [[number * width], [0]]).astype(int)
            boxes.append((*placed.min(axis=1).tolist(), *placed.max(axis=1).tolist()))
    return np.hstack(pictures), boxes


def write_gallery(folder: Path, explained: Sequence[Explained], method: str) -> None:
    """Write panels/<serial>_<perspective>.png, contact_sheet.png and attributions.csv."""
    for item in explained:
        with replacing(folder / "panels" / f"{item.name}.png") as file:
            panel(item, method).savefig(file, dpi=100)
    with replacing(folder / "contact_sheet.png") as file:
        cv2.imwrite(str(file), sheet(explained)[..., ::-1])
    rows = [
        item.row
        | {
            "method": method,
            "score": item.attribution.score,
            "baseline_score": item.attribution.baseline_score,
            "delta": item.attribution.delta,
            "relative_delta": item.attribution.relative_delta,
        }
        for item in explained
    ]
    with replacing(folder / "attributions.csv") as file:
        pd.DataFrame(rows).to_csv(file, index=False)


def panel(item: Explained, method: str) -> Figure:
    """The image, its signed map on a scale that is written out, and both with the boxes."""
    figure = Figure(figsize=(14, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.imshow(item.image)
    left.set_title("image", fontsize=9)
    limit = item.limit()
    shown = middle.imshow(item.map(), cmap=COLOURS, vmin=-limit, vmax=limit)
    middle.set_title("for damaged (orange), against (purple)", fontsize=9)
    figure.colorbar(
        shown, ax=middle, shrink=0.8, label=f"logits a pixel (to {QUANTILE} %)", format="%.1g"
    )
    right.imshow(overlay(item))
    boxes = ", boxes of the data set" if item.boxes else ""
    right.set_title(f"overlay, map smoothed to show regions{boxes}", fontsize=9)
    for xmin, ymin, xmax, ymax in item.boxes:
        for axes in (left, right):
            axes.add_patch(_box(xmin, ymin, xmax, ymax))
    for axes in (left, middle, right):
        axes.set_axis_off()
    row, delta = item.row, item.attribution.relative_delta
    doubt = "  (not converged: use more steps)" if delta > TRUSTED_DELTA else ""
    figure.suptitle(
        f"{row['serial']} {row['perspective']}: {row['outcome']}, {row['label']} called "
        f"{row['predicted']}, p(damaged) = {row['probability']:.2f}   {method}, "
        f"convergence delta {delta:.1%}{doubt}",
        fontsize=10,
        color="#b03000" if doubt else "black",
    )
    return figure


def overlay(item: Explained) -> np.ndarray:
    """The image in grey under its map, RGB uint8 [H, W, 3]; the stronger the more opaque."""
    grey = cv2.cvtColor(item.image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    # A map is speckled at the level of pixels; regions show once it is smoothed a little.
    width = item.image.shape[1]
    smooth = cv2.GaussianBlur(item.map(), (0, 0), 0.008 * width)
    strength = np.clip(smooth / max(float(np.percentile(np.abs(smooth), QUANTILE)), 1e-12), -1, 1)
    colours = matplotlib.colormaps[COLOURS]((strength + 1) / 2)[..., :3] * 255
    opacity = np.abs(strength)[..., None] * 0.85
    return (grey * (1 - opacity) + colours * opacity).astype(np.uint8)


def sheet(explained: Sequence[Explained]) -> np.ndarray:
    """All overlays on one page, RGB uint8, the bar's colour telling the outcome."""
    captions = [
        f"{item.row['outcome']}  p={item.row['probability']:.2f}  {item.name}" for item in explained
    ]
    colours = [BARS[Outcome(str(item.row["outcome"]))] for item in explained]
    overlays = []
    for item in explained:
        picture = overlay(item)
        for xmin, ymin, xmax, ymax in item.boxes:
            cv2.rectangle(picture, (xmin, ymin), (xmax, ymax), (0, 158, 115), 3)
        overlays.append(picture)
    return contact_sheet(overlays, captions, columns=4, tile_width=420, colours=colours)


def _box(xmin: int, ymin: int, xmax: int, ymax: int) -> Rectangle:
    return Rectangle(
        (xmin, ymin), xmax - xmin, ymax - ymin, fill=False, edgecolor="#009e73", linewidth=1.5
    )
