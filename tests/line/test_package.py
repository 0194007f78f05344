"""A package's files to its verdict, whatever is wrong with them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from decisions import BAND

from packsight.decision.late_fusion import LateFusion
from packsight.domain import Fusion
from packsight.imaging.crop import Crop
from packsight.line.ensemble import Ensemble
from packsight.line.package import PARTS, Inspector
from packsight.line.view import View


class Brightness:
    """In the place of a network: the probability is an input's brightness to some power."""

    def __init__(self, power: float = 1.0, paired: bool = False) -> None:
        self.power = power
        self.view = View((8, 8), ("top", "side"), paired, Crop("none"))

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([(image.mean() / 255) ** self.power for image in images])


MEAN = LateFusion(Fusion.MEAN)


def inspector(decision=BAND, **options) -> Inspector:
    models = {"top": Ensemble([Brightness()]), "side": Ensemble([Brightness(), Brightness(2)])}
    return Inspector(models, MEAN, decision, **options)


@pytest.fixture
def image(tmp_path):
    def write(level: int, name: str = "a.png") -> Path:
        cv2.imwrite(str(tmp_path / name), np.full((40, 60, 3), level, np.uint8))
        return tmp_path / name

    return write


@pytest.mark.parametrize("side_by_side", [False, True])
def test_cameras_are_scored_fused_and_decided(image, side_by_side):
    images = {"side": image(204, "s.png"), "top": image(51, "t.png")}
    verdict = inspector(side_by_side=side_by_side).decide("7", images)
    of = {seen.camera: seen for seen in verdict.images}
    assert [*of] == ["top", "side"]
    assert of["top"].score == pytest.approx(0.2)
    assert of["side"].score == pytest.approx((0.8 + 0.64) / 2)
    assert verdict.score == pytest.approx((0.2 + 0.72) / 2)
    assert (verdict.decision, verdict.reason, verdict.cameras) == ("inspect", "score", "top+side")
    assert verdict.probability == pytest.approx(BAND.probability(verdict.score).item())
    assert of["top"].brightness == 51
    assert of["top"].sharpness == 0
    assert (of["top"].size, of["top"].crop) == ((40, 60), "none")
    assert of["top"].window[:4] == (30, 20, 60, 40)
    assert [*verdict.seconds] == [*PARTS]
    assert verdict.seconds["network"] > 0


def test_an_image_that_cannot_be_read_is_told(image, tmp_path):
    (tmp_path / "torn.png").write_bytes(image(80).read_bytes()[:60])
    verdict = inspector().decide("7", {"top": tmp_path / "torn.png", "side": image(255, "s.png")})
    assert (verdict.decision, verdict.reason, verdict.cameras) == (
        "inspect",
        "missing_camera",
        "side",
    )
    assert verdict.images[0].error
    assert verdict.score == pytest.approx(1.0)
    gone = inspector().decide("7", {"top": tmp_path / "gone.png"})
    assert (gone.decision, gone.reason, gone.score, gone.cameras) == (
        "inspect",
        "no_score",
        None,
        "",
    )
    none = inspector().decide("7", {})
    assert none.reason == "no_score"


def test_a_camera_without_a_model_counts_for_nothing(image):
    alone = Inspector({"side": Ensemble([Brightness()])}, None, replace(BAND, cameras=("side",)))
    assert alone.cameras == ["side"]
    verdict = alone.decide("7", {"side": image(20), "top": image(250, "t.png")})
    assert (verdict.decision, verdict.cameras) == ("accept", "side")
    assert [bool(seen.error) for seen in verdict.images] == [True, False]


@pytest.mark.parametrize(("level", "action"), [(120, "accept"), (135, "reject")])
def test_without_a_decision_a_half_tells(image, level, action):
    one = Inspector({"top": Ensemble([Brightness()])})
    verdict = one.decide("7", {"top": image(level)})
    assert (verdict.decision, verdict.reason, verdict.probability) == (action, "score", None)
    assert one.decide("7", {}).decision == "inspect"


def test_a_pair_has_one_score(image):
    pair = Inspector(
        {"pair": Ensemble([Brightness(paired=True)])}, None, replace(BAND, fusion=None)
    )
    assert pair.cameras == ["top", "side"]
    verdict = pair.decide("7", {"top": image(255), "side": image(0, "s.png")})
    assert verdict.score == pytest.approx(0.5)
    assert [seen.score for seen in verdict.images] == [None, None]
    half = pair.decide("7", {"top": image(255)})
    assert (half.score, half.reason) == (pytest.approx(0.5), "missing_camera")
