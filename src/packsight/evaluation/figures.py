"""Pictures of predictions and of learning.

Figures are made without pyplot, which would keep each of them in memory during a sweep. Colours
are those of Okabe and Ito (2008), told apart by colour-blind readers too.
"""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill, wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from packsight.domain import LABELS, THRESHOLD, Perspective
from packsight.system.files import replacing

BLACK, ORANGE, GREEN, BLUE, VERMILION = "black", "#E69F00", "#009E73", "#0072B2", "#D55E00"
LABEL_COLOURS = dict(zip(LABELS, (BLUE, VERMILION), strict=True))
# Lines differ in dashes as well as in colour, for readers of a grey print.
PART_STYLES = {
    "all": (BLACK, ":"),
    Perspective.TOP.value: (ORANGE, "--"),
    Perspective.SIDE.value: (GREEN, "-"),
}
SPLIT_STYLES = {"train": (BLUE, "--"), "val": (VERMILION, "-")}
CURVES = {"loss": "loss", "accuracy": "accuracy", "auroc": "AUROC"}
DPI = 120


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, 120 pixels an inch."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def confusion_figure(predictions: pd.DataFrame, title: str) -> Figure:
    """Images by label (rows) and prediction (columns): counts, and the share of their row."""
    predicted = np.where(predictions["probability"] >= THRESHOLD, LABELS[1], LABELS[0])
    crossed = pd.crosstab(predictions["label"].to_numpy(), predicted)
    counts = crossed.reindex(index=LABELS, columns=LABELS, fill_value=0).to_numpy()
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure, (axes,) = _canvas(title, predictions, 1, (3.4, 3.3))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        place: dict[str, Any] = {"ha": "center", "color": colour}
        axes.text(column, row, str(count), va="bottom", fontsize=17, **place)
        axes.text(column, row + 0.06, f"{shares[row, column]:.0%}", va="top", **place)
    axes.set_xticks([0, 1], LABELS)
    axes.set_yticks([0, 1], LABELS, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    return figure


def roc_pr_figure(predictions: pd.DataFrame, title: str) -> Figure:
    """ROC and precision-recall curves; one per perspective too where the table holds both."""
    figure, (roc, pr) = _canvas(title, predictions, 2, (6.8, 3.5))
    roc.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for part, rows in _parts(predictions).items():
        damaged = (rows["label"] == LABELS[1]).to_numpy()
        score = rows["probability"].to_numpy()
        if damaged.all() or not damaged.any():
            continue
        colour, dashes = PART_STYLES[part]
        style: dict[str, Any] = {
            "color": colour,
            "linestyle": dashes,
            "clip_on": False,
            "zorder": 3,
        }
        false_alarms, recall, _ = roc_curve(damaged, score)
        area = roc_auc_score(damaged, score)
        roc.plot(false_alarms, recall, label=f"{part} {area:.3f}", **style)
        precision, recall, _ = precision_recall_curve(damaged, score)
        area = average_precision_score(damaged, score)
        # Average precision sums steps; a straight line between the points would show more.
        pr.plot(recall, precision, drawstyle="steps-post", label=f"{part} {area:.3f}", **style)
    base = float((predictions["label"] == LABELS[1]).mean())
    pr.axhline(base, color="0.7", linewidth=1)
    for axes, name in ((roc, "AUROC"), (pr, "AP")):
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(title=name, loc="lower right" if axes is roc else "lower left")
        else:
            axes.text(0.5, 0.5, "needs both labels", ha="center", transform=axes.transAxes)
    roc.set(xlabel="false alarm rate", ylabel="recall of damaged")
    pr.set(xlabel="recall of damaged", ylabel="precision of damaged")
    return figure


def score_figure(predictions: pd.DataFrame, title: str) -> Figure:
    """Each image's probability of damaged, by label; crosses are on the wrong side."""
    figure, (axes,) = _canvas(title, predictions, 1, (6.0, 2.5))
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, len(predictions))
    damaged = predictions["probability"].to_numpy() >= THRESHOLD
    for row, label in enumerate(LABELS):
        of_label = (predictions["label"] == label).to_numpy()
        right = damaged == (label == LABELS[1])
        for chosen, marker, alpha in ((of_label & right, "o", 0.55), (of_label & ~right, "x", 1)):
            axes.scatter(
                predictions["probability"][chosen],
                row + jitter[chosen],
                s=26,
                marker=marker,
                alpha=alpha,
                color=LABEL_COLOURS[label],
                linewidths=1.5 if marker == "x" else 0,
                clip_on=False,
                zorder=3,
            )
    axes.axvline(THRESHOLD, color="black", linestyle="--", linewidth=1)
    axes.text(THRESHOLD, 1.52, f"threshold {THRESHOLD:g}", ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(-0.5, 1.5), xlabel="probability of damaged")
    axes.set_yticks([0, 1], LABELS, rotation=90, va="center")
    return figure


def history_figure(history: pd.DataFrame, title: str) -> Figure:
    """Loss, accuracy and AUROC of train and validation by epoch."""
    figure, panels = _canvas(f"{title} · {len(history)} epochs", None, 3, (8.4, 2.7))
    for axes, (column, name) in zip(panels, CURVES.items(), strict=True):
        _draw_history(axes, history, column)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch")
        if column != "loss":
            axes.set_ylim(top=1.005)
    panels[0].set_ylim(bottom=0)
    if panels[0].lines:
        panels[0].legend()
    return figure


def losses_figure(histories: Mapping[str, pd.DataFrame], columns: int = 4) -> Figure:
    """Train and validation loss of each run by epoch, on common scales, a panel per run."""
    rows = -(-len(histories) // columns)
    figure = Figure(figsize=(2.3 * columns, 2 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (name, history) in zip(grid.flat, histories.items(), strict=False):
        _draw_history(axes, history, "loss")
        axes.set_title(fill(name, 34), fontsize=7, parse_math=False)
        axes.tick_params(labelsize=8)
    # Guessing costs 0.69: one run that starts far above it would flatten all others.
    grid[0, 0].set_ylim(0, min(grid[0, 0].get_ylim()[1], 1.5))
    grid[0, 0].legend(fontsize=8)
    for axes in grid.flat[len(histories) :]:
        axes.set_axis_off()
    for axes in grid.flat[max(0, len(histories) - columns) : len(histories)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("loss", fontsize=9)
    return figure


def _draw_history(axes: Axes, history: pd.DataFrame, column: str) -> None:
    """One line each for train and validation, where history.csv has it."""
    for split, (colour, dashes) in SPLIT_STYLES.items():
        if f"{split}/{column}" in history:
            marker = "o" if len(history) == 1 else None  # a line through one point is invisible
            axes.plot(
                history["epoch"],
                history[f"{split}/{column}"],
                color=colour,
                linestyle=dashes,
                marker=marker,
                label=split,
            )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)


def _canvas(
    title: str, predictions: pd.DataFrame | None, panels: int, size: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side; its title tells how much data is behind it."""
    if predictions is not None:
        packages = predictions["serial"].nunique()
        title = f"{title}\n{len(predictions)} images of {packages} packages"
    # Some 13 letters of this size stand on an inch.
    lines = [part for line in title.splitlines() for part in wrap(line, int(13 * size[0]))]
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle("\n".join(lines), fontsize=10, parse_math=False)
    grid = list(figure.subplots(1, panels, squeeze=False).flat)
    for axes in grid:
        axes.tick_params(labelsize=9)
    return figure, grid


def _parts(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows by perspective, after all of them where there are both."""
    parts = {
        perspective.value: predictions[predictions["perspective"] == perspective]
        for perspective in Perspective
    }
    parts = {name: rows for name, rows in parts.items() if len(rows)}
    return {"all": predictions} | parts if len(parts) > 1 else parts
