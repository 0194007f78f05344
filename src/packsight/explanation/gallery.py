"""Attributions to look at: a panel for each image, and overlays that can stand side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from packsight.data.datamodule import PackageDataModule
from packsight.data.pairing import JOIN
from packsight.domain import Box, parse_boxes
from packsight.explanation.attribution import TOLERANCE, Attribution
from packsight.explanation.localisation import to_frame
from packsight.explanation.measures import smooth
from packsight.explanation.selection import Outcome
from packsight.imaging.contact_sheet import contact_sheet
from packsight.imaging.decode import read_image
from packsight.imaging.encode import write_image
from packsight.imaging.window import Window
from packsight.system.files import replacing

COLOURS = "PuOr_r"  # orange speaks for damaged, purple against; colour-blind people can tell them
QUANTILE = 99.5  # of a panel's smoothed map, absolute: the end of its colour scale
DENSITY = 3.0  # times what a uniform map has a pixel: the end of the scale of all overlays
ZOOM = 2  # pixels of a panel's input for each that the model saw
BOX, CROP = (0, 158, 115), (86, 180, 233)  # RGB
BARS = {
    Outcome.HIT: (0, 114, 178),
    Outcome.MISS: (213, 94, 0),
    Outcome.FALSE_ALARM: (204, 121, 167),
    Outcome.CORRECT_PASS: (70, 76, 86),
}


@dataclass(frozen=True)
class View:
    """A camera's frame, what of it the model saw, and the boxes that the data set has."""

    frame: np.ndarray  # RGB uint8 [height, width, 3]
    window: Window
    boxes: Sequence[Box]  # in pixels of the frame


@dataclass(frozen=True)
class Explained:
    """An input of a model, of one camera or of a pair, with its attribution and measures."""

    views: Sequence[View]
    row: Mapping[str, object]  # of predictions.csv, with the outcome
    attribution: Attribution
    measures: Mapping[str, float]

    @property
    def name(self) -> str:
        return f"{self.row['serial']}_{self.row['perspective']}"

    def smoothed(self) -> np.ndarray:
        """The map as it is shown, float32 [H, W]."""
        return smooth(self.attribution.map.numpy())

    def density(self) -> np.ndarray:
        """The map as multiples of what a uniform map has a pixel, float32 [H, W]."""
        positive = float(self.attribution.map.clamp(min=0).mean())
        return self.smoothed() / max(positive, 1e-12)

    def input(self) -> np.ndarray:
        """What the model saw, from the original files at `ZOOM`: RGB uint8."""
        height, width = (ZOOM * side for side in self.attribution.map.shape)
        size = height, width // len(self.views)
        return np.hstack([view.window.cut(view.frame, size) for view in self.views])


def views_of(data: PackageDataModule, path: str) -> list[View]:
    """The frames of a row of predictions; a missing image of a pair is a black frame."""
    views = []
    for part in path.split(JOIN):
        if not part:
            height, width = data.image_size
            black = np.zeros((height, width, 3), np.uint8)
            views.append(View(black, Window(width / 2, height / 2, width, height), []))
            continue
        [row] = data.table[data.table["path"] == part].to_dict("records")
        boxes = parse_boxes(row["damage_boxes"] or row["package_box"])
        views.append(View(read_image(data.root / part), row["window"], boxes))
    return views


def overlay(item: Explained, values: np.ndarray, limit: float) -> np.ndarray:
    """The full frames in grey under a map [H, W]: RGB uint8; the stronger the more opaque.

    The crop is outlined in blue, the boxes in green; frames of a pair stand side by side.
    """
    frames = []
    halves = np.hsplit(values, len(item.views))
    height = item.views[0].frame.shape[0]
    for view, half in zip(item.views, halves, strict=True):
        rows, columns = view.frame.shape[:2]
        placed = cv2.warpAffine(
            half, view.window.matrix(half.shape), (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )  # fmt: skip
        frame = blend(view.frame, placed, limit)
        outline = np.rint(_corners(view)).astype(np.int32)
        cv2.polylines(frame, [outline], True, CROP, 2)
        for xmin, ymin, xmax, ymax in view.boxes:
            cv2.rectangle(frame, (xmin, ymin), (xmax, ymax), BOX, 2)
        frames.append(cv2.resize(frame, (round(columns * height / rows), height)))
    return np.hstack(frames)


def blend(image: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """An RGB image in grey under a map of its size; RGB uint8."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    strength = np.clip(values / limit, -1, 1)
    colours = matplotlib.colormaps[COLOURS]((strength + 1) / 2)[..., :3] * 255
    opacity = np.abs(strength)[..., None] ** 0.7 * 0.9
    return np.rint(grey * (1 - opacity) + colours * opacity).astype(np.uint8)


def _corners(view: View) -> np.ndarray:
    """The crop's corners [4, 2] in the frame."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    size = (round(view.window.height), round(view.window.width))
    return to_frame(corners * size[::-1], view.window, size)


def panel(item: Explained, method: str) -> Figure:
    """The input, its signed map and the overlay on the full frame, on one scale, written out."""
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1.12, 1.35])
    shown = item.input()
    smoothed = item.smoothed()
    limit = max(float(np.percentile(np.abs(smoothed), QUANTILE)), 1e-12)
    left.imshow(shown)
    left.set_title("what the model saw", fontsize=9)
    height, width = shown.shape[:2]
    grown = cv2.resize(smoothed, (width, height), interpolation=cv2.INTER_LINEAR)
    picture = middle.imshow(grown, cmap=COLOURS, vmin=-limit, vmax=limit)
    middle.set_title("map: for damaged orange, against purple", fontsize=9)
    right.imshow(overlay(item, smoothed, limit))
    right.set_title("the frame: crop blue, boxes of the data set green", fontsize=9)
    figure.colorbar(
        picture, ax=right, shrink=0.85, format="%.1e",
        label=f"attribution a pixel, smoothed;\nboth pictures: ±{limit:.1e}",
    )  # fmt: skip
    _boxes_of_input(left, item)
    for axes in (left, middle, right):
        axes.set_axis_off()
    row, attribution = item.row, item.attribution
    figure.suptitle(
        f"{row['serial']} {row['perspective']}: {row['outcome']}, {row['label']} called "
        f"{row['predicted']}, p(damaged) = {row['probability']:.2f}\n{method}{_convergence(item)}"
        f"{_told(item.measures)}",
        fontsize=10,
        parse_math=False,  # a serial may hold dollar signs
        color="black" if attribution.converged else "#b03000",
    )
    return figure


def _convergence(item: Explained) -> str:
    delta = item.attribution.relative_delta
    if np.isnan(delta):
        return ""
    doubt = "" if item.attribution.converged else f" (NOT CONVERGED to {TOLERANCE:.0%})"
    return f", {item.attribution.steps} steps, convergence delta {delta:.1%}{doubt}"


def _told(measures: Mapping[str, float]) -> str:
    """The shares that are known, each beside its area."""
    told = [
        f"{name} {measures[f'{name}_share']:.2f} of area {measures[f'{name}_area']:.2f}"
        for name in ("damage", "package", "belt")
        if not np.isnan(measures.get(f"{name}_share", np.nan))
    ]
    return "\nof what speaks for damaged: " + ", ".join(told) if told else ""


def _boxes_of_input(axes: Axes, item: Explained) -> None:
    """The boxes where they are in the crop; turned ones as they lie."""
    height, width = (ZOOM * side for side in item.attribution.map.shape)
    width //= len(item.views)
    for number, view in enumerate(item.views):
        matrix = view.window.matrix((height, width))
        for xmin, ymin, xmax, ymax in view.boxes:
            corners = np.array([[xmin, xmax, xmax, xmin], [ymin, ymin, ymax, ymax], [1] * 4])
            placed = (matrix @ corners).T + np.array([number * width, 0])
            placed = np.clip(placed, [number * width, 0], [(number + 1) * width, height])
            axes.add_patch(Polygon(placed, fill=False, edgecolor="#009e73", linewidth=1.5))


def sheet(explained: Sequence[Explained]) -> np.ndarray:
    """Overlays on one page and one scale, RGB uint8, the bar's colour telling the outcome."""
    captions = [
        f"{item.row['outcome']}  p={item.row['probability']:.2f}  {item.name}" for item in explained
    ]
    colours = [BARS[Outcome(str(item.row["outcome"]))] for item in explained]
    overlays = [overlay(item, item.density(), DENSITY) for item in explained]
    return contact_sheet(overlays, captions, columns=4, tile_width=420, colours=colours)


def write_gallery(folder: Path, explained: Sequence[Explained], method: str) -> None:
    """Write panels/<serial>_<perspective>.png and contact_sheet.png."""
    for item in explained:
        with replacing(folder / "panels" / f"{item.name}.png") as file:
            panel(item, method).savefig(file, dpi=100)
    with replacing(folder / "contact_sheet.png") as file:
        write_image(file, sheet(explained))


def write_overlay(folder: Path, item: Explained) -> None:
    """Write overlays/<serial>_<perspective>.jpg, to stand beside those of other models."""
    picture = overlay(item, item.density(), DENSITY)
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    with replacing(folder / "overlays" / f"{item.name}.jpg") as file:
        write_image(file, small)


def attribution_rows(explained: Sequence[Explained], method: str) -> pd.DataFrame:
    """What attributions.csv holds: predictions, convergence and measures, a row per image."""
    return pd.DataFrame(
        [
            {
                **item.row,
                "method": method,
                "score": item.attribution.score,
                "baseline_score": item.attribution.baseline_score,
                "delta": item.attribution.delta,
                "relative_delta": item.attribution.relative_delta,
                "converged": item.attribution.converged,
                "steps": item.attribution.steps,
                **item.measures,
            }
            for item in explained
        ]
    )
