import numpy as np
import pytest

from packsight.decision.reliability import reliability


def test_known_numbers():
    found = reliability(np.repeat([0.2, 0.8], 30), np.arange(60) % 2 == 0)
    assert found.calibration_error == pytest.approx(0.3)
    assert found.brier == pytest.approx((0.2**2 + 0.8**2) / 2)
    assert found.log_loss == pytest.approx(-(np.log(0.2) + np.log(0.8)) / 2)
    assert [part.packages for part in found.bins] == [15] * 4


def test_what_chance_adds_is_taken_off():
    rng = np.random.default_rng(0)
    debiased, plain = [], []
    for _ in range(200):
        probability = rng.random(150)
        found = reliability(probability, rng.random(150) < probability)
        debiased.append(found.debiased**2)
        plain.append(found.calibration_error)
    assert np.mean(plain) > 0.06
    assert np.mean(debiased) < 0.03**2 * 3


def test_a_few_packages_are_one_bin():
    found = reliability([0.1, 0.9, 0.8], [False, True, False])
    assert len(found.bins) == 1
    assert found.bins[0].damaged == pytest.approx(1 / 3)
