"""The gallery: panels, looks and the contact sheet of a few attributions."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.domain import Box
from packsight.explanation.attribution import Attribution
from packsight.explanation.gallery import (
    Explained,
    View,
    attribution_rows,
    look,
    panel,
    sheet,
    write_gallery,
    write_look,
)
from packsight.explanation.study import remove_others
from packsight.imaging.window import Window

METHOD = "Integrated Gradients, black baseline"
CROP = Window(80, 45, 80, 45)


def _explained(
    serial: str = "0000000000017",
    outcome: str = "hit",
    boxes: tuple[Box, ...] = (),
    delta: float = 0.0,
    cameras: int = 1,
) -> Explained:
    """A grey frame, cropped to its middle; the crop's right half speaks for damaged."""
    values = torch.full((32, 56), -0.1)
    values[:, 28:] = 0.1
    row = {
        "serial": serial,
        "perspective": "side",
        "label": "damaged",
        "probability": 0.875,
        "predicted": "damaged",
        "split": "test",
        "path": f"images/{serial}.png",
        "outcome": outcome,
    }
    view = View(np.full((90, 160, 3), 128, np.uint8), CROP, boxes)
    measures = {"belt_share": 0.25, "belt_area": 0.5}
    attribution = Attribution(values, 2.0, 1.0, delta, 16)
    return Explained([view] * cameras, row, attribution, measures)


def test_a_look_shows_the_crop_and_not_the_frame():
    picture = look(_explained()).astype(int)
    assert picture.shape == (64, 112, 3)
    for_damaged, against = picture[32, 90], picture[32, 20]
    assert for_damaged[0] > for_damaged[2] + 100  # orange
    assert (against == 128).all()


def test_a_pair_has_a_half_for_each_camera():
    item = _explained(cameras=2)
    assert item.input().shape == look(item).shape == (64, 112, 3)


def test_a_map_of_zeros_leaves_the_picture_grey():
    item = _explained()
    item.attribution.map.zero_()
    assert (look(item) == 128).all()


def test_boxes_are_drawn_where_they_lie_in_the_crop():
    # The crop's left edge is at 40 of the frame, its upper one at 22.5; 1.4 pixels for each.
    boxed = look(_explained(boxes=((50, 30, 60, 60),)))
    assert boxed[30, 14].tolist() == pytest.approx([0, 158, 115], abs=3)
    assert (look(_explained())[30, 14] == 128).all()


def test_a_panel_tells_the_prediction_the_method_the_delta_and_the_shares():
    figure = panel(_explained(delta=0.002), METHOD)
    title = figure.get_suptitle()
    for part in ("0000000000017", "side", "hit", "0.88", METHOD, "0.2%", "belt 0.25 of area 0.50"):
        assert part in title
    assert "±1.0e-01" in figure.axes[-1].get_ylabel()
    assert "full colour" in figure.axes[1].get_title()
    assert "signed" in figure.axes[2].get_title()


@pytest.mark.parametrize(("delta", "marked"), [(0.0099, False), (-0.02, True)])
def test_a_map_that_does_not_add_up_is_marked(delta, marked):
    assert ("NOT CONVERGED" in panel(_explained(delta=delta), METHOD).get_suptitle()) is marked


def test_a_method_that_promises_no_sum_is_not_marked():
    title = panel(_explained(delta=float("nan")), "Grad-CAM").get_suptitle()
    assert "CONVERGED" not in title
    assert "delta" not in title


def test_the_sheet_tells_outcomes_apart():
    plain = sheet([_explained(), _explained()])
    assert (sheet([_explained(outcome="miss"), _explained()]) != plain).any()


def test_what_is_written(tmp_path: Path):
    items = [_explained(delta=0.1), _explained(serial="0000000000024", outcome="miss")]
    write_gallery(tmp_path, items, METHOD)
    write_look(tmp_path, items[0])
    names = sorted(file.name for file in (tmp_path / "panels").iterdir())
    assert names == ["0000000000017_side.png", "0000000000024_side.png"]
    looks = [tmp_path / name / "0000000000017_side.jpg" for name in ("seen", "overlays")]
    heights = [cv2.imread(str(file)).shape[0] for file in looks]
    assert heights == [64, 64 + 36]  # the scale stands below
    for file in [*tmp_path.rglob("*.png"), looks[1]]:
        image = cv2.imread(str(file))
        assert image is not None
        assert image.std() > 5


def test_the_table_has_predictions_convergence_and_measures():
    table = attribution_rows([_explained(delta=0.1), _explained()], METHOD)
    assert isinstance(table, pd.DataFrame)
    assert table["relative_delta"].tolist() == pytest.approx([0.1, 0.0])
    assert table["converged"].tolist() == [False, True]
    assert table["belt_share"].tolist() == [0.25, 0.25]
    assert {"label", "probability", "method", "steps", "path", "outcome"} <= set(table)


def test_what_an_earlier_explanation_left_is_removed_and_nothing_else(tmp_path):
    first, second = _explained("1"), _explained("2")
    for item in (first, second):
        write_look(tmp_path, item)
    write_gallery(tmp_path, [first, second], METHOD)
    for name in ("sanity.csv", "panels/notes.txt", "mine.png"):
        (tmp_path / name).write_text("")
    remove_others(tmp_path, {"2_side"}, {"2_side"})
    left = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {
        "panels/2_side.png", "signed/2_side.jpg", "seen/2_side.jpg", "overlays/2_side.jpg",
        "contact_sheet.png", "panels/notes.txt", "mine.png",
    }  # fmt: skip
