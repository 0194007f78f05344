"""Figures show the numbers of their table, whatever the table lacks."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from packsight.evaluation.figures import (
    confusion_figure,
    history_figure,
    losses_figure,
    roc_pr_figure,
    save,
    score_figure,
)

Draw = Callable[[pd.DataFrame, str], Figure]
DRAWN: tuple[Draw, ...] = (confusion_figure, roc_pr_figure, score_figure)
# 3 intact right, 1 false alarm; 4 damaged found, 2 missed. The side ranks all pairs rightly.
TABLE = pd.DataFrame(
    [
        ("01", "top", "intact", 0.1),
        ("01", "side", "intact", 0.2),
        ("02", "top", "intact", 0.7),
        ("02", "side", "intact", 0.3),
        ("03", "top", "damaged", 0.9),
        ("03", "side", "damaged", 0.8),
        ("04", "top", "damaged", 0.05),
        ("04", "side", "damaged", 0.6),
        ("05", "top", "damaged", 0.2),
        ("05", "side", "damaged", 0.9),
    ],
    columns=["serial", "perspective", "label", "probability"],
)
HISTORY = pd.DataFrame({"epoch": [0, 1], "train/loss": [0.7, 0.4], "val/loss": [0.8, 0.9]})


def legend_texts(figure: Figure, panel: int) -> list[str]:
    legend = figure.axes[panel].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_confusion_shows_counts_by_label_and_prediction() -> None:
    axes = confusion_figure(TABLE, "t").axes[0]
    shown = {text.get_position()[:2]: text.get_text() for text in axes.texts[::2]}
    # Position is (predicted, label).
    assert shown == {(0, 0): "3", (1, 0): "1", (0, 1): "2", (1, 1): "4"}
    assert [text.get_text() for text in axes.texts[1::2]] == ["75%", "25%", "33%", "67%"]


def test_curves_of_both_perspectives_and_of_each() -> None:
    figure = roc_pr_figure(TABLE, "t")
    # Of all 4 × 6 pairs 16.5 are ranked rightly (one tie), from the top 3 of 6, from the side 6.
    assert legend_texts(figure, 0) == ["all 0.688", "top 0.500", "side 1.000"]
    assert legend_texts(figure, 1)[2] == "side 1.000"


def test_curves_have_a_point_for_each_distinct_score() -> None:
    scores = [
        ("damaged", 0.9),
        ("intact", 0.5),
        ("damaged", 0.5),
        ("intact", 0.1),
        ("damaged", 0.5),
    ]
    table = pd.DataFrame(scores, columns=["label", "probability"])
    roc, pr = roc_pr_figure(table.assign(serial="01", perspective="top"), "t").axes
    [line] = [line for line in roc.lines if line.get_label().startswith("top")]
    assert line.get_xydata().tolist() == [[0, 0], [0, 1 / 3], [0.5, 1], [1, 1]]
    [line] = [line for line in pr.lines if line.get_label().startswith("top")]
    # Each precision holds down to the next lower recall: the area is the average precision.
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xydata().tolist() == [[1, 0.6], [1, 0.75], [1 / 3, 1], [0, 1]]


def test_one_perspective_has_one_line() -> None:
    side = TABLE[TABLE["perspective"] == "side"]
    assert legend_texts(roc_pr_figure(side, "t"), 0) == ["side 1.000"]


@pytest.mark.parametrize("draw", DRAWN)
def test_titles_tell_how_much_data_there_is(draw: Draw) -> None:
    title = draw(TABLE, "resnet18").get_suptitle()
    assert title == "resnet18\n10 images of 5 packages"


@pytest.mark.parametrize("draw", DRAWN)
def test_one_class_alone_can_be_drawn(draw: Draw, tmp_path: Path) -> None:
    save(draw(TABLE[TABLE["label"] == "intact"], "t"), tmp_path / "one.png")
    assert (tmp_path / "one.png").is_file()


def test_scores_mark_wrong_images_with_crosses() -> None:
    axes = score_figure(TABLE, "t").axes[0]
    counts = [len(points.get_offsets()) for points in axes.collections]
    assert counts == [3, 1, 4, 2]  # intact right, wrong; damaged right, wrong


def test_history_draws_what_it_has() -> None:
    loss, accuracy, auroc = history_figure(HISTORY, "t").axes
    lines = {line.get_label(): list(line.get_ydata()) for line in loss.lines}
    assert lines == {"train": [0.7, 0.4], "val": [0.8, 0.9]}
    assert not accuracy.lines
    assert not auroc.lines


def test_losses_share_a_scale_that_one_bad_start_does_not_set() -> None:
    bad = HISTORY.assign(**{"train/loss": [10.0, 0.5]})
    figure = losses_figure({"good": HISTORY, "bad": bad})
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["good", "bad"]
    assert panels[0].get_ylim() == panels[1].get_ylim() == (0, 1.5)


def test_save_writes_a_whole_picture_and_nothing_else(tmp_path: Path) -> None:
    save(history_figure(HISTORY, "a $ in a title"), tmp_path / "figures" / "history.png")
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["history.png"]
    with Image.open(tmp_path / "figures" / "history.png") as image:
        assert np.asarray(image.convert("L")).std() > 1  # it is not blank


def test_figures_stay_out_of_pyplot() -> None:
    for draw in DRAWN:
        draw(TABLE, "t")
    assert plt.get_fignums() == []
