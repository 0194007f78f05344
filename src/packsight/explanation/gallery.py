"""Attributions to look at: a panel for each image, and looks that can stand side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from packsight.data.datamodule import PackageDataModule
from packsight.data.pairing import JOIN
from packsight.domain import Box, parse_boxes
from packsight.explanation.attribution import TOLERANCE, Attribution
from packsight.explanation.heat import Heat, heat
from packsight.explanation.measures import smooth
from packsight.explanation.selection import Outcome
from packsight.imaging.contact_sheet import caption_bar, contact_sheet
from packsight.imaging.decode import read_image
from packsight.imaging.encode import write_image
from packsight.imaging.window import Window
from packsight.system.files import replacing

COLOURS = "PuOr_r"  # orange speaks for damaged, purple against; colour-blind people can tell them
QUANTILE = 99.5  # of a panel's smoothed map, absolute: the end of its colour scale
ZOOM = 2  # pixels of a picture for each that the model saw
TILE = 600  # pixels of a contact sheet's tile: what the model saw, twice
BOX = (0, 158, 115)  # RGB
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

    def heat(self) -> Heat:
        """What speaks for damaged, as it is shown."""
        return heat(self.attribution, float(str(self.row["probability"])))

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


def look(item: Explained) -> np.ndarray:
    """What the model saw, in grey under what speaks for damaged, boxes in green: RGB uint8."""
    picture = item.heat().over(item.input())
    corners = [np.rint(box).astype(np.int32) for box in boxes_of_input(item)]
    cv2.polylines(picture, corners, True, BOX, 2, cv2.LINE_AA)
    return picture


def signed(item: Explained) -> np.ndarray:
    """The signed map, smoothed: orange speaks for damaged, purple against; RGB uint8."""
    smoothed, limit = _smoothed(item)
    height, width = (ZOOM * side for side in smoothed.shape)
    grown = cv2.resize(smoothed, (width, height), interpolation=cv2.INTER_LINEAR)
    coloured = colormaps[COLOURS](Normalize(-limit, limit)(grown))
    return np.rint(255 * coloured[..., :3]).astype(np.uint8)


def _smoothed(item: Explained) -> tuple[np.ndarray, float]:
    """A map's values, float32 [H, W], and where its colour scale ends."""
    smoothed = smooth(item.attribution.map.numpy())
    return smoothed, max(float(np.percentile(np.abs(smoothed), QUANTILE)), 1e-12)


def panel(item: Explained, method: str) -> Figure:
    """The input, what of it speaks for damaged, and the signed map; scales are written out."""
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    shown = item.input()
    smoothed, limit = _smoothed(item)
    left.imshow(shown)
    left.set_title("what the model saw", fontsize=9)
    middle.imshow(look(item))
    middle.set_title(f"speaks for damaged: orange, {item.heat().scale}", fontsize=9)
    height, width = shown.shape[:2]
    grown = cv2.resize(smoothed, (width, height), interpolation=cv2.INTER_LINEAR)
    picture = right.imshow(grown, cmap=COLOURS, vmin=-limit, vmax=limit)
    right.set_title("signed map: for damaged orange, against purple", fontsize=9)
    figure.colorbar(
        picture, ax=right, shrink=0.85, format="%.1e",
        label=f"attribution a pixel, smoothed; ±{limit:.1e}",
    )  # fmt: skip
    for corners in boxes_of_input(item):
        left.add_patch(Polygon(corners, fill=False, edgecolor=np.array(BOX) / 255, linewidth=1.5))
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


def boxes_of_input(item: Explained) -> list[np.ndarray]:
    """The corners [4, 2] of the boxes in `Explained.input`; turned ones as they lie."""
    height, width = (ZOOM * side for side in item.attribution.map.shape)
    width //= len(item.views)
    found = []
    for number, view in enumerate(item.views):
        matrix = view.window.matrix((height, width))
        for xmin, ymin, xmax, ymax in view.boxes:
            corners = np.array([[xmin, xmax, xmax, xmin], [ymin, ymin, ymax, ymax], [1] * 4])
            placed = (matrix @ corners).T + np.array([number * width, 0])
            found.append(np.clip(placed, [number * width, 0], [(number + 1) * width, height]))
    return found


def sheet(explained: Sequence[Explained]) -> np.ndarray:
    """What models saw beside what of it speaks for damaged, RGB uint8; bars tell the outcome."""
    captions = [
        f"{item.row['outcome']}  p={item.row['probability']:.2f}  {item.name}\n"
        f"orange speaks for damaged; {item.heat().scale}"
        for item in explained
    ]
    colours = [BARS[Outcome(str(item.row["outcome"]))] for item in explained]
    tiles = [np.hstack([item.input(), look(item)]) for item in explained]
    return contact_sheet(tiles, captions, columns=3, tile_width=TILE, colours=colours)


def write_gallery(folder: Path, explained: Sequence[Explained], method: str) -> None:
    """Write panels/<serial>_<perspective>.png, signed/….jpg and contact_sheet.png."""
    for item in explained:
        with replacing(folder / "signed" / f"{item.name}.jpg") as file:
            write_image(file, signed(item))
        with replacing(folder / "panels" / f"{item.name}.png") as file:
            panel(item, method).savefig(file, dpi=100)
    with replacing(folder / "contact_sheet.png") as file:
        write_image(file, sheet(explained))


def write_look(folder: Path, item: Explained) -> None:
    """Write seen/ and overlays/<serial>_<perspective>.jpg, to stand beside those of other models.

    An overlay has its scale below it.
    """
    picture = look(item)
    # A sheet shows it at about two thirds, where the text is to be as large as a caption's.
    width = picture.shape[1]
    bar = caption_bar(item.heat().scale, 2 * width // 3)
    scaled = np.vstack([picture, cv2.resize(bar, (width, 3 * bar.shape[0] // 2))])
    for name, image in (("seen", item.input()), ("overlays", scaled)):
        with replacing(folder / name / f"{item.name}.jpg") as file:
            write_image(file, image)


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
                "full_colour": item.heat().full,
                "shade": item.heat().shade,
                **item.measures,
            }
            for item in explained
        ]
    )
