"""The gallery: panels, the contact sheet and the table of a few attributions."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from omegaconf import OmegaConf
from torch import nn

from packsight.data.datamodule import PackageDataModule
from packsight.data.manifest import COLUMNS, Box, Split
from packsight.explanation.attribution import Attribution, Baseline
from packsight.explanation.gallery import (
    Explained,
    explain_images,
    overlay,
    panel,
    sheet,
    write_gallery,
)  # fmt: skip

METHOD = "Integrated Gradients, black baseline, 50 steps"


def _explained(
    serial: str = "0000000000017",
    outcome: str = "hit",
    boxes: tuple[Box, ...] = (),
    delta: float = 0.0,
) -> Explained:
    """A grey frame; the left half of its map speaks against damaged, the right half for it."""
    values = torch.full((32, 32), -0.01)
    values[:, 16:] = 0.01
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
    image = np.full((90, 160, 3), 128, np.uint8)
    return Explained(image, boxes, row, Attribution(values, 2.0, 1.0, delta))


def _pixels(item: Explained) -> np.ndarray:
    canvas = FigureCanvasAgg(panel(item, METHOD))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def test_the_map_and_the_overlay_have_the_shape_of_the_full_frame() -> None:
    item = _explained()
    assert item.map().shape == (90, 160)
    assert overlay(item).shape == (90, 160, 3)
    assert overlay(item).dtype == np.uint8


def test_signs_have_colours_that_are_orange_for_damaged_and_purple_against() -> None:
    picture = overlay(_explained()).astype(int)
    for_damaged, against = picture[45, 150], picture[45, 10]
    assert for_damaged[0] > for_damaged[2] + 40
    assert against[2] > against[1] + 40


def test_a_map_of_zeros_leaves_the_image_grey() -> None:
    item = _explained()
    item.attribution.map.zero_()
    assert (overlay(item) == 128).all()


def test_a_panel_names_the_image_the_prediction_the_method_and_the_delta() -> None:
    figure = panel(_explained(delta=0.02), METHOD)
    title = figure.get_suptitle()
    for part in ("0000000000017", "side", "hit", "damaged", "0.88", METHOD, "2.0%"):
        assert part in title


@pytest.mark.parametrize(("delta", "marked"), [(0.049, False), (-0.2, True)])
def test_a_map_that_does_not_add_up_is_marked(delta: float, marked: bool) -> None:
    title = panel(_explained(delta=delta), METHOD).get_suptitle()
    assert ("not converged" in title) is marked


def test_a_box_is_drawn_and_changes_the_picture() -> None:
    without, boxed = _pixels(_explained()), _pixels(_explained(boxes=((40, 20, 100, 70),)))
    assert without.shape == boxed.shape
    green = (boxed[..., 1] > boxed[..., 0] + 80) & (without[..., 1] <= without[..., 0] + 80)
    assert green.sum() > 200


def test_the_sheet_marks_boxes_and_tells_outcomes_apart() -> None:
    plain = sheet([_explained(), _explained()])
    assert (sheet([_explained(boxes=((40, 20, 100, 70),)), _explained()]) != plain).any()
    assert (sheet([_explained(outcome="miss"), _explained()]) != plain).any()


def test_the_gallery_has_a_panel_per_image_a_sheet_and_a_table(tmp_path: Path) -> None:
    items = [_explained(delta=0.1), _explained(serial="0000000000024", outcome="miss")]
    write_gallery(tmp_path, items, METHOD)
    names = sorted(file.name for file in (tmp_path / "panels").iterdir())
    assert names == ["0000000000017_side.png", "0000000000024_side.png"]
    for file in [*(tmp_path / "panels").iterdir(), tmp_path / "contact_sheet.png"]:
        image = cv2.imread(str(file))
        assert image is not None
        assert image.std() > 5
    table = pd.read_csv(tmp_path / "attributions.csv", dtype={"serial": str})
    assert list(table["serial"]) == ["0000000000017", "0000000000024"]
    assert table["outcome"].tolist() == ["hit", "miss"]
    assert table["score"].tolist() == [2.0, 2.0]
    assert table["delta"].tolist() == [0.1, 0.0]
    assert table["relative_delta"].tolist() == pytest.approx([0.1, 0.0])
    assert {"label", "probability", "predicted", "method", "baseline_score", "path"} <= set(table)


class RightHalf(nn.Module):
    """Speaks for damaged as far as the right half of its input, the side image, is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, 1.0]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        half = images.shape[3] // 2
        return images[..., half:].mean((1, 2, 3))[:, None] * self.weight


def test_a_pair_shows_both_images_their_boxes_and_one_map(
    tmp_path: Path, config, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for serial, camera, level in (("1", "top", 60), ("1", "side", 180), ("2", "side", 120)):
        path = f"{serial}_{camera}.png"
        cv2.imwrite(str(tmp_path / path), np.full((64, 96, 3), level, np.uint8))
        row = {"serial": serial, "perspective": camera, "path": path, "sha256": path,
               "label": "damaged", "width": 96, "height": 64, "split": "test",
               "damage_boxes": "10 20 50 40"}  # fmt: skip
        rows.append(dict.fromkeys(COLUMNS, "") | row)
    cfg = config("train", "perspective=pair", "crop=none")
    data = PackageDataModule(tmp_path, pd.DataFrame(rows), cfg, (32, 48), tmp_path / "cache")
    written: list[Explained] = []
    monkeypatch.setattr(
        "packsight.explanation.gallery.write_gallery", lambda _, items, name: written.extend(items)
    )
    explainer = OmegaConf.create({"steps": 4, "internal_batch_size": 4})
    chosen = data.rows(Split.TEST)
    explain_images(RightHalf(), data, chosen, Baseline.BLACK, explainer, tmp_path / "gallery")

    both, side = written
    assert (both.name, side.name) == ("1_pair", "2_pair")
    assert both.image.shape == (64, 192, 3)
    assert (both.image[:, :96] == 60).all()
    assert (both.image[:, 96:] == 180).all()
    assert both.boxes == [(10, 20, 50, 40), (106, 20, 146, 40)]
    assert (side.image[:, :96] == 0).all()
    assert (side.image[:, 96:] == 120).all()
    assert side.boxes == [(106, 20, 146, 40)]
    for item, brightness in ((both, 180 / 255), (side, 120 / 255)):
        assert item.attribution.map.shape == (32, 96)
        assert (item.attribution.map[:, :48] == 0).all()
        assert item.attribution.map[:, 48:].sum().item() == pytest.approx(brightness, abs=1e-4)
