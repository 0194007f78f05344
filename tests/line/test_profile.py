"""What stands still is told apart from packages, light and noise."""

import numpy as np
import pytest

from packsight.line.profile import agreement, profile, usual


def frame(
    draw: np.random.Generator, down: int = 0, across: int = 0, light: float = 1.0
) -> np.ndarray:
    """A rail and a belt's edge, with a package anywhere."""
    grey = np.full((540, 960), 120.0)
    grey[60 + down : 90 + down] = 60
    grey[:, 200 + across : 230 + across] = 180
    top, left = draw.integers(120, 300), draw.integers(250, 600)
    grey[top : top + 200, left : left + 300] = draw.integers(20, 250)
    return np.clip(light * grey + draw.normal(0, 3, grey.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def still() -> str:
    draw = np.random.default_rng(0)
    return usual([profile(frame(draw)) for _ in range(9)])


def test_packages_and_light_change_little(still):
    draw = np.random.default_rng(1)
    for light in (1.0, 0.5, 1.2):
        told = agreement(profile(frame(draw, light=light)), still)
        assert min(told["rows"], told["columns"]) > 0.9


@pytest.mark.parametrize("moved", [12, 40, 150])
def test_what_moved_is_told_by_its_direction(still, moved):
    draw = np.random.default_rng(2)
    down = agreement(profile(frame(draw, down=moved)), still)
    across = agreement(profile(frame(draw, across=moved)), still)
    assert down["rows"] < 0.75 < 0.9 < down["columns"]
    assert across["columns"] < 0.75 < 0.9 < across["rows"]


def test_a_frame_in_which_nothing_stands_out_is_not_compared(still):
    assert agreement(profile(np.full((540, 960), 90, np.uint8)), still) == {}


def test_a_profile_has_one_length_whatever_the_frame():
    assert (
        len(profile(np.zeros((48, 64), np.uint8)))
        == len(profile(np.zeros((1080, 1920), np.uint8)))
        == 250
    )
