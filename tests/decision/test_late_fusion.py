import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from packsight.decision.late_fusion import LateFusion
from packsight.domain import Fusion
from packsight.errors import UserError

TOP, SIDE = [0.2, 0.6, 0.9], [0.4, 0.0, 0.9]


@pytest.mark.parametrize(
    ("kind", "expected"), [(Fusion.MEAN, [0.3, 0.3, 0.9]), (Fusion.MAX, [0.4, 0.6, 0.9])]
)
def test_mean_and_max_need_no_fit(kind, expected):
    assert LateFusion.fit(kind, [], [], []) == LateFusion(kind)
    assert LateFusion(kind).fuse(TOP, SIDE).tolist() == pytest.approx(expected)


def packages(seed: int = 0, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of a good top camera and a fair side camera, and what is damaged."""
    noise = np.random.default_rng(seed).normal(size=(2, count))
    damaged = np.arange(count) % 2 == 1
    logits = (2 * damaged - 1) * np.array([[2.0], [0.5]]) + noise
    top, side = 1 / (1 + np.exp(-logits))
    return top, side, damaged


def test_logistic_is_a_regression_on_the_logits_and_trusts_the_better_camera():
    top, side, damaged = packages()
    fitted = LateFusion.fit(Fusion.LOGISTIC, top, side, damaged).weights
    usual = LogisticRegression().fit(logit(np.column_stack([top, side])), damaged)
    assert fitted == pytest.approx([*usual.coef_[0], *usual.intercept_], abs=1e-2)
    assert fitted[0] > fitted[1] > 0


def test_a_camera_that_argues_the_wrong_way_gets_no_weight():
    top, _, damaged = packages()
    assert LateFusion.fit(Fusion.LOGISTIC, top, 1 - top, damaged).weights[1] == 0


@pytest.mark.parametrize("kind", Fusion)
def test_where_an_image_is_missing_the_other_stands_alone(kind):
    fusion = LateFusion.fit(kind, *packages())
    fused = fusion.fuse([np.nan, 0.3, np.nan, 0.5], [0.7, np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(fused[:3], [0.7, 0.3, np.nan])
    assert 0 < fused[3] < 1


def test_the_fit_leaves_out_packages_with_one_image():
    top, side, damaged = packages()
    more = [np.append(top, np.nan), np.append(side, 0.99), np.append(damaged, False)]
    assert LateFusion.fit(Fusion.LOGISTIC, *more) == LateFusion.fit(
        Fusion.LOGISTIC, top, side, damaged
    )


def test_certainty_does_not_break_the_logits():
    fused = LateFusion.fit(Fusion.LOGISTIC, *packages()).fuse([0.0, 1.0], [0.0, 1.0])
    assert 0 < fused[0] < 0.5 < fused[1] < 1


def test_one_label_alone_cannot_be_fitted_on():
    with pytest.raises(UserError, match=r"on 2 validation packages .*member=.*fusion=mean"):
        LateFusion.fit(Fusion.LOGISTIC, [0.1, 0.2], [0.1, 0.2], [False, False])


def test_plain_values_restore_a_fusion():
    fusion = LateFusion.fit(Fusion.LOGISTIC, *packages())
    restored = LateFusion(**json.loads(json.dumps(asdict(fusion))))
    np.testing.assert_array_equal(restored.fuse(TOP, SIDE), fusion.fuse(TOP, SIDE))
