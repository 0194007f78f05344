"""Several models are one: the mean of their probabilities, of a frame that is looked at once."""

import numpy as np
import pytest
import torch
from torch import nn

from packsight.deployment.predictor import Predictor
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import SHAPES
from packsight.imaging.crop import Crop
from packsight.imaging.window import frame_window
from packsight.line.ensemble import Ensemble
from packsight.line.view import View


class Network(nn.Module):
    """Its probability is an image's brightness to some power."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(float(power)))

    def probability(self, images: torch.Tensor, mirrors: object) -> torch.Tensor:
        return (images.double().mean(dim=(1, 2, 3)) / 255) ** self.power


def belt(level: float) -> BeltModel:
    words, scale = (np.full(SHAPES[name], level, np.float32) for name in ("words", "scale"))
    return BeltModel(words, scale, 1.0, 2.0)


def model(power: float = 1.0, size: int = 8, level: float = 1.0, crop: str = "none") -> Predictor:
    belts = {"side": belt(level), "top": belt(level)}
    return Predictor(Network(power), (size, size), ["top", "side"], crop=Crop(crop), belts=belts)


FRAMES = [np.full((20, 30, 3), level, np.uint8) for level in (50, 120, 200)]


@pytest.mark.parametrize("sizes", [(8, 8, 8), (8, 16, 8)])
def test_the_probability_is_the_mean_of_the_members(sizes):
    members = [model(power, size) for power, size in zip((1, 2, 5), sizes, strict=True)]
    ensemble = Ensemble(members)
    inputs = [ensemble.compose({"side": ensemble.look(frame, "side")[0]}) for frame in FRAMES]
    alone = [member.predict(FRAMES, "side") for member in members]
    np.testing.assert_allclose(ensemble.probabilities(inputs), np.mean(alone, axis=0), atol=1e-9)


def test_a_frame_is_looked_at_once_by_models_that_see_it_alike(monkeypatch):
    looked = []
    window = View.window
    monkeypatch.setattr(View, "window", lambda *given: looked.append(1) or window(*given))
    Ensemble([model(power) for power in (1, 2, 3, 4, 5)]).look(FRAMES[0], "side")
    assert len(looked) == 1


@pytest.mark.parametrize("other", [{"size": 16}, {"level": 2.0}, {"crop": "auto"}])
def test_another_size_belt_or_crop_is_another_view(other):
    assert model().view.sees_like(model(power=3).view)
    assert not model().view.sees_like(model(**other).view)
    ensemble = Ensemble([model(), model(**other), model()])
    assert [view.members for view in ensemble.views] == [[0, 2], [1]]


def test_one_view_that_did_not_find_the_package_is_told(monkeypatch):
    crops = iter(["auto", "frame"])
    whole = frame_window(FRAMES[0].shape[:2])
    monkeypatch.setattr(View, "window", lambda *given: (whole, next(crops)))
    assert Ensemble([model(), model(size=16)]).look(FRAMES[0], "side")[1] == "frame"
