import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from packsight.decision import logits
from packsight.decision.calibration import NEVER, Calibration, Method
from packsight.decision.calibration_fit import (
    choose_method,
    cross_validated_losses,
    fit_calibration,
    fit_isotonic,
    fit_many,
)
from packsight.errors import UserError

PLATT = Calibration(Method.PLATT, 0.5, slope=0.5, intercept=1.0)
ISOTONIC = Calibration(Method.ISOTONIC, 0.5, knots=((0.0, 0.1), (0.4, 0.1), (0.6, 0.9), (1.0, 0.9)))
NOTHING = Calibration(Method.PLATT, 0.5, slope=0.0, intercept=0.0)


def scored(packages: int, evidence, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels that are drawn with the probability sigmoid(evidence(logit))."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, packages)
    return expit(x), rng.random(packages) < expit(evidence(x))


def test_logits_are_those_of_scipy():
    p = np.array([0.0, 1e-9, 0.3, 0.5, 1 - 1e-9, 1.0, np.nan])
    np.testing.assert_allclose(logits.logit(p), logit(p), rtol=1e-6)
    x = np.array([-800, -3, 0, 2.5, 800, np.nan])
    np.testing.assert_allclose(logits.expit(x), expit(x))
    assert logits.logit([0.0, 1.0], clip=0.01) == pytest.approx([-np.log(99), np.log(99)])


def test_apply_is_a_line_through_the_logits_and_keeps_nan():
    found = PLATT.apply([0.2, np.nan, 0.9])
    assert found[[0, 2]] == pytest.approx(expit(0.5 * logit([0.2, 0.9]) + 1.0))
    assert np.isnan(found[1])


@pytest.mark.parametrize("calibration", [PLATT, ISOTONIC, NOTHING])
@pytest.mark.parametrize("probability", [1e-9, 0.1, 0.3, 0.5, 0.73, 0.9, 1 - 1e-9])
def test_the_inverse_is_the_lowest_score_that_reaches_a_probability(calibration, probability):
    score = calibration.inverse(probability)
    grid = np.linspace(0, 1, 10_001)
    reached = calibration.apply(grid) >= probability - 1e-12
    if not reached.any():
        assert score == NEVER
    else:
        assert grid[reached.argmax()] == pytest.approx(score, abs=2e-4)


def test_a_known_temperature_is_recovered():
    score, damaged = scored(40_000, lambda x: x / 2.5)
    fitted = fit_calibration(score, damaged, Method.TEMPERATURE)
    assert 1 / fitted.slope == pytest.approx(2.5, rel=0.05)
    assert fitted.intercept == 0
    assert fitted.share == damaged.mean()


def test_a_known_slope_and_intercept_are_recovered():
    fitted = fit_calibration(*scored(40_000, lambda x: 0.8 * x - 1.5), Method.PLATT)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.8, -1.5), rel=0.05)


def test_platts_fit_is_a_logistic_regression():
    score, damaged = scored(20_000, lambda x: 0.8 * x - 1.5)
    usual = LogisticRegression(C=np.inf).fit(logit(score)[:, None], damaged)
    fitted = fit_calibration(score, damaged, Method.PLATT)
    assert fitted.slope == pytest.approx(usual.coef_[0, 0], rel=1e-2)
    assert fitted.intercept == pytest.approx(usual.intercept_[0], rel=1e-2)


@pytest.mark.parametrize("method", [Method.TEMPERATURE, Method.PLATT])
def test_many_fits_at_once_are_those_of_the_repeated_tables(method):
    score, damaged = scored(60, lambda x: 2 * x + 1)
    times = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=20)
    slopes, intercepts = fit_many(method, score, damaged, times.astype(float))
    for row, slope, intercept in zip(times, slopes, intercepts, strict=True):
        alone = fit_calibration(np.repeat(score, row), np.repeat(damaged, row), method)
        assert (slope, intercept) == pytest.approx((alone.slope, alone.intercept), abs=1e-6)


@pytest.mark.parametrize("method", [Method.TEMPERATURE, Method.PLATT])
@pytest.mark.parametrize("sure", [1.0, 5.0, 13.0])
def test_labels_that_part_perfectly_give_finite_numbers(method, sure):
    score = expit(np.repeat([-sure, sure], 10))
    fitted = fit_calibration(score, np.repeat([False, True], 10), method)
    # Platt's targets: 11 / 12 for the 10 damaged packages, and 1 / 12.
    assert fitted.apply(score[[0, -1]]) == pytest.approx([1 / 12, 11 / 12], abs=1e-4)


def test_a_score_that_speaks_the_wrong_way_says_nothing():
    score, damaged = scored(200, lambda x: -x)
    fitted = fit_calibration(score, damaged, Method.PLATT)
    assert fitted.slope == 0
    assert fitted.apply([0.01, 0.99]) == pytest.approx(damaged.mean(), abs=0.01)


def test_isotonic_is_scikit_learns_between_ends_off_0_and_1():
    score, damaged = scored(5000, lambda x: 2 * x)
    fitted = fit_isotonic(score, damaged, np.ones(5000))
    usual = IsotonicRegression(out_of_bounds="clip").fit(score, damaged)
    inner = (score > 0.2) & (score < 0.8)
    np.testing.assert_allclose(fitted.apply(score[inner]), usual.predict(score[inner]), atol=1e-9)
    assert 0 < fitted.apply([0.0])[0] < fitted.apply([1.0])[0] < 1


def test_a_bent_curve_is_isotonic_where_there_are_packages_enough():
    def bent(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, 6.0, -0.5)

    assert choose_method(*scored(600, bent)) == Method.ISOTONIC
    assert Method.ISOTONIC not in cross_validated_losses(*scored(199, bent))


def test_a_straight_one_is_platts():
    chosen = [choose_method(*scored(300, lambda x: 2 * x - 2, seed)) for seed in range(8)]
    assert chosen == [Method.PLATT] * 8


def test_a_model_that_is_only_too_sure_is_cooled():
    losses = cross_validated_losses(*scored(2000, lambda x: x / 3))
    assert losses[Method.TEMPERATURE].mean() == pytest.approx(losses[Method.PLATT].mean(), abs=2e-3)


@pytest.mark.parametrize(
    ("score", "damaged", "said"),
    [
        ([0.1, 0.2], [True, True], "both labels"),
        ([0.1, np.nan], [True, False], "between 0 and 1"),
        ([0.1, 2.0], [True, False], "between 0 and 1"),
        ([0.1, 0.2, 0.3], [True, False, False], "at least 2"),
    ],
)
def test_what_cannot_be_fitted_is_told(score, damaged, said):
    with pytest.raises(UserError, match=said):
        fit_calibration(score, damaged)


@pytest.mark.parametrize(
    "values", [{"share": 0.0}, {"share": 0.5, "slope": -1.0}, {"share": 0.5, "knots": ((0, 0),)}]
)
def test_numbers_of_no_calibration_are_refused(values):
    with pytest.raises(ValueError, match="calibration"):
        Calibration(Method.ISOTONIC, **values)
