"""The region for the operator, in pixels of the original."""

import numpy as np
import pytest

from packsight.explanation.localisation import locate_damage
from packsight.imaging.window import Window, frame_window

FRAME = (540, 960)


def _map() -> np.ndarray:
    """Strong in 40..60 × 100..130 of 90 × 160, weak elsewhere."""
    values = np.full((90, 160), -0.1, np.float32)
    values[40:60, 100:130] = 1
    values[5:10, 5:10] = 0.5
    return values


def test_the_region_is_told_in_pixels_of_the_frame():
    found = locate_damage(_map(), frame_window(FRAME), FRAME)
    assert found is not None
    # 6 pixels of the frame for each of the map; the edge is where the smoothed map falls.
    for one, other in zip(found.box, (600, 240, 780, 360), strict=True):
        assert one == pytest.approx(other, abs=18)
    assert found.score == pytest.approx(600 / 612.5, abs=0.03)


@pytest.mark.parametrize("angle", [0.0, 90.0])
def test_the_region_comes_back_through_a_crop_that_may_be_turned(angle):
    window = Window(500, 300, 320, 180, angle)
    found = locate_damage(_map(), window, FRAME)
    assert found is not None
    xmin, ymin, xmax, ymax = found.box
    centre = np.array([(xmin + xmax) / 2, (ymin + ymax) / 2, 1])
    assert window.matrix((90, 160)) @ centre == pytest.approx([115, 50], abs=2)


def test_a_region_outside_the_frame_is_cut_off():
    found = locate_damage(_map(), Window(900, 500, 320, 180), FRAME)
    assert found is not None
    assert 0 <= found.box[0] < found.box[2] <= 960
    assert 0 <= found.box[1] < found.box[3] <= 540


def test_nothing_speaks_for_damaged():
    assert locate_damage(np.full((90, 160), -1.0, np.float32), frame_window(FRAME), FRAME) is None
