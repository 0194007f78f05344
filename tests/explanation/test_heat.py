"""What speaks for damaged as people see it: where, how strong, and when it is no find."""

import cv2
import numpy as np
import pytest
import torch

from packsight.explanation.attribution import Attribution
from packsight.explanation.heat import FLOOR, heat
from packsight.explanation.measures import share_measures
from packsight.explanation.regions import Regions

GREY = np.full((80, 120, 3), 128, np.uint8)


def _attribution(values: np.ndarray, baseline: float = 0.0) -> Attribution:
    return Attribution(torch.from_numpy(values.astype(np.float32)), float(values.sum()), baseline)


def _spot(logits: float, y: int = 40, x: int = 90) -> np.ndarray:
    """A map [80, 120] of a spot that adds so many logits."""
    values = np.zeros((80, 120), np.float32)
    values[y - 1 : y + 2, x - 1 : x + 2] = logits / 9
    return values


def _coloured(picture: np.ndarray) -> np.ndarray:
    """How far each pixel is from grey."""
    return np.ptp(picture.astype(int), axis=2)


def test_a_spot_counts_what_it_adds_to_the_score():
    found = heat(_attribution(_spot(4.0)), 0.98)
    assert found.spots.max() == pytest.approx(4.0, rel=0.1)
    assert found.in_logits
    assert found.scale == f"full colour {found.full:.2g} logits a spot"


def test_full_colour_lies_on_the_place_and_the_rest_stays_grey():
    picture = heat(_attribution(_spot(4.0)), 0.98).over(GREY)
    strongest = np.unravel_index(_coloured(picture).argmax(), GREY.shape[:2])
    assert abs(strongest[0] - 40) <= 5
    assert abs(strongest[1] - 90) <= 5
    assert _coloured(picture).max() > 150
    assert (picture[:, :50] == 128).all()


def test_one_hue_for_damaged_and_none_against():
    picture = heat(_attribution(_spot(4.0) - _spot(4.0, x=30)), 0.98).over(GREY)
    red, green, blue = picture[40, 90].astype(int)
    assert red > green > blue
    assert (picture[:, :55] == 128).all()


@pytest.mark.parametrize("logits", [0.5, 3.0, 12.0])
def test_what_is_not_called_damaged_is_no_find(logits):
    """The same map, however strong, under a lower probability."""
    values = _attribution(_spot(logits))
    found = _coloured(heat(values, 0.9).over(GREY)).max()
    assert found > 60
    assert _coloured(heat(values, 0.05).over(GREY)).max() == 0
    assert heat(values, 0.05).scale.endswith("faded to 10%")
    assert _coloured(heat(values, 0.3).over(GREY)).max() < found


def test_a_map_that_moves_the_score_by_little_is_no_find():
    assert heat(_attribution(_spot(0.05)), 0.51).full == FLOOR
    assert _coloured(heat(_attribution(_spot(0.05)), 0.51).over(GREY)).max() == 0
    assert _coloured(heat(_attribution(np.zeros((80, 120))), 0.9).over(GREY)).max() == 0


def test_maps_without_a_sum_have_a_scale_without_a_unit():
    found = heat(_attribution(_spot(1e-4), float("nan")), 0.9)
    assert not found.in_logits
    assert "logits" not in found.scale
    assert _coloured(found.over(GREY)).max() > 150


def test_speckle_that_cancels_is_no_spot():
    rng = np.random.default_rng(0)
    speckle = np.repeat(rng.normal(0, 0.05, (80, 60)), 2, axis=1) * np.tile([1, -1], 60)
    found = heat(_attribution(_spot(4.0) + speckle), 0.98)
    strongest = np.unravel_index(found.spots.argmax(), found.spots.shape)
    assert np.abs(np.array(strongest) - (40, 90)).max() <= 3


def test_the_picture_may_be_larger_than_the_map():
    large = cv2.resize(GREY, None, fx=2, fy=2)
    assert heat(_attribution(_spot(4.0)), 0.98).over(large).shape == large.shape


def test_measures_stay_on_the_raw_map():
    values = _spot(4.0)
    damage = values > 0
    measures = share_measures(values, Regions(None, None, damage))
    assert measures["damage_share"] == pytest.approx(1.0)  # a smoothed one would spill over
