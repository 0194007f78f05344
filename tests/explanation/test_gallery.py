"""The gallery: panels, overlays and the contact sheet of a few attributions."""

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
    overlay,
    panel,
    sheet,
    write_gallery,
    write_overlay,
)
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
    values = torch.full((32, 56), -0.01)
    values[:, 28:] = 0.01
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


def _overlay(item: Explained) -> np.ndarray:
    return overlay(item, item.density(), 1.0).astype(int)


def test_the_overlay_shows_the_map_where_the_crop_is_in_the_frame():
    picture = _overlay(_explained())
    assert picture.shape == (90, 160, 3)
    for_damaged, against, outside = picture[45, 105], picture[45, 55], picture[45, 10]
    assert for_damaged[0] > for_damaged[2] + 40  # orange
    assert against[2] > against[1] + 40  # purple
    assert (outside == 128).all()


def test_a_pair_has_a_frame_for_each_camera():
    picture = _overlay(_explained(cameras=2))
    assert picture.shape == (90, 320, 3)
    # The left camera's half speaks against, the right one's for damaged.
    assert picture[45, 80][2] > picture[45, 80][1] + 40
    assert picture[45, 240][0] > picture[45, 240][2] + 40
    assert _explained(cameras=2).input().shape == (64, 112, 3)


def test_a_map_of_zeros_leaves_the_frame_grey():
    item = _explained()
    item.attribution.map.zero_()
    assert (_overlay(item)[40:50, 45:115] == 128).all()


def test_crop_and_boxes_are_drawn():
    plain, boxed = _overlay(_explained()), _overlay(_explained(boxes=((5, 5, 30, 60),)))
    assert (plain[45, 40] != 128).any()  # the crop's left edge
    assert (plain[30, 5] == 128).all()
    assert boxed[30, 5].tolist() == [0, 158, 115]


def test_a_panel_tells_the_prediction_the_method_the_delta_and_the_shares():
    figure = panel(_explained(delta=0.002), METHOD)
    title = figure.get_suptitle()
    for part in ("0000000000017", "side", "hit", "0.88", METHOD, "0.2%", "belt 0.25 of area 0.50"):
        assert part in title
    scale = figure.axes[-1].get_ylabel()
    assert "±1.0e-02" in scale  # one for both pictures, written out


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
    write_overlay(tmp_path, items[0])
    names = sorted(file.name for file in (tmp_path / "panels").iterdir())
    assert names == ["0000000000017_side.png", "0000000000024_side.png"]
    for file in [*tmp_path.rglob("*.png"), tmp_path / "overlays" / "0000000000017_side.jpg"]:
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
