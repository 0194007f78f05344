"""Where the operator should look, in pixels of the original."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from packsight.deployment.damage_region import check_explainer, locate
from packsight.domain import parse_boxes
from packsight.errors import UserError
from packsight.explanation.methods import Occlusion
from packsight.imaging.crop import Crop
from packsight.line.view import View

OCCLUSION = Occlusion(["black"], window=0.2, stride=0.5, max_batch=8)


class Bright(nn.Module):
    """Speaks for damaged as far as an image is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, 9.0]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3))[:, None] * self.weight


class Whole:
    """A predictor that looks at whole frames."""

    def __init__(self, paired: bool) -> None:
        self.network = Bright()
        self.view = View((54, 96), ("top", "side"), paired, Crop("none"))


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """Two black frames with a bright patch each, and a file that is no image."""
    for name, left in (("1_top", 100), ("1_side", 700)):
        frame = np.zeros((540, 960, 3), np.uint8)
        frame[200:300, left : left + 150] = 255
        cv2.imwrite(str(tmp_path / f"{name}.png"), frame)
    (tmp_path / "2_side.png").write_text("torn off")
    paths = ["1_top.png", "1_side.png", "2_side.png"]
    return pd.DataFrame({"path": paths}).assign(region="", region_score=np.nan)


def close(text: str, left: int) -> bool:
    [box] = parse_boxes(text)
    return np.allclose(box, (left, 200, left + 150, 300), atol=60)


def test_images_that_are_called_get_a_region_and_others_none(table, tmp_path):
    locate([Whole(False)], OCCLUSION, tmp_path, table, [{"top": 0}])
    assert close(table.at[0, "region"], 100)
    assert 0.5 < table.at[0, "region_score"] <= 1
    assert table["region"].tolist()[1:] == ["", ""]


def test_a_pair_has_a_region_in_each_image_that_there_is(table, tmp_path):
    inputs = [{"top": 0, "side": 1}, {"top": 0, "side": 2}]
    locate([Whole(True)], OCCLUSION, tmp_path, table, inputs)
    assert close(table.at[0, "region"], 100)
    assert close(table.at[1, "region"], 700)
    assert table.at[2, "region"] == ""


def test_a_baseline_that_needs_training_images_is_refused():
    with pytest.raises(UserError, match="empty_belt needs training images"):
        check_explainer(Occlusion(["empty_belt"], window=0.2, stride=0.5, max_batch=8))
