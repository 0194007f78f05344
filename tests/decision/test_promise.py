import numpy as np
import pytest
from scipy.stats import binomtest, norm

from packsight.decision.calibration import NEVER
from packsight.decision.promise import allowed, keep_promise, needed, promised_thresholds
from packsight.decision.terms import Promise
from packsight.errors import UserError

PACKAGES = np.arange(200) >= 100  # which of 200 are damaged


def scores(draws: int, packages: np.ndarray, seed: int = 0) -> np.ndarray:
    """Scores [draws, N] of a model with an AUROC of 0.96, of normal evidence."""
    evidence = np.random.default_rng(seed).normal(2.5 * packages, 1, (draws, len(packages)))
    return norm.cdf(evidence, 1.25, 1.5)


def missed(threshold: float) -> float:
    """The true share of damaged packages with a score below it; rejected of intact ones: from."""
    return float(norm.cdf(norm.ppf(min(threshold, 1.0), 1.25, 1.5), 2.5))


def rejected(threshold: float) -> float:
    return float(norm.sf(norm.ppf(min(threshold, 1.0), 1.25, 1.5)))


def test_packages_needed_are_those_of_the_textbooks():
    assert [needed(errors, 0.05, 0.05) for errors in range(3)] == [59, 93, 124]
    assert needed(0, 0.01, 0.05) == 299


@pytest.mark.parametrize("packages", [0, 58, 59, 92, 93, 123, 124, 500])
def test_allowed_errors_are_those_that_scipy_finds_significant(packages):
    most = allowed(packages, 0.05, 0.05)
    proven = [
        errors
        for errors in range(min(packages, 40))
        if binomtest(errors, packages, 0.05, alternative="less").pvalue <= 0.05
    ]
    assert most == (max(proven) if proven else None)


@pytest.mark.parametrize("ties", [False, True])
def test_the_threshold_is_that_of_a_walk_over_the_observed_scores(ties):
    for score in scores(20, PACKAGES):
        values = score.round(1) if ties else score
        reached = 0.0
        for threshold in np.unique(values):  # from the safest on, until a test fails
            errors = int((values[PACKAGES] < threshold).sum())
            if binomtest(errors, 100, 0.05, alternative="less").pvalue > 0.05:
                break
            reached = threshold
        assert keep_promise(Promise(0.05), values, PACKAGES)[0] >= reached
        low, high = keep_promise(Promise(0.05), values, PACKAGES)
        same = (values < low) == (values < reached)
        assert low == high
        assert same.all()


@pytest.mark.parametrize(("packages", "bound"), [(93, 0.05), (59, 0.05), (150, 0.1), (299, 0.01)])
def test_the_promise_breaks_no_more_often_than_its_confidence_allows(packages, bound):
    damaged = np.arange(packages + 5) >= 5
    promise, draws = Promise(bound), 4000
    found = [keep_promise(promise, score, damaged)[0] for score in scores(draws, damaged)]
    broken = sum(missed(threshold) > bound for threshold in found)
    assert binomtest(broken, draws, 0.05, alternative="greater").pvalue > 0.01
    # It is no stricter than it must be, either.
    most = allowed(packages, bound, 0.05)
    exact = binomtest(most, packages, bound, alternative="less").pvalue
    assert broken / draws == pytest.approx(exact, abs=0.012)


@pytest.mark.parametrize(
    "promise", [Promise(0.05, false_rejects=0.05), Promise(0.05, inspections=0.1)]
)
def test_two_promises_hold_together_as_often_as_one(promise):
    broken, draws = 0, 2000
    for score in scores(draws, PACKAGES):
        low, high = keep_promise(promise, score, PACKAGES)
        wrong = promise.false_rejects is not None and rejected(high) > promise.false_rejects
        waiting = (
            promise.inspections is not None and rejected(low) - rejected(high) > promise.inspections
        )
        broken += missed(low) > promise.misses or wrong or waiting
    assert 0.005 < broken / draws <= 0.05


def test_between_both_promises_is_the_band_that_is_inspected():
    score = scores(1, PACKAGES)[0]
    low, high = keep_promise(Promise(0.1, false_rejects=0.05), score, PACKAGES)
    assert low < high
    # Each with a risk of 2.5 %: 4 of 100 damaged ones may be missed, 1 of 100 intact ones rejected.
    assert (score[PACKAGES] < low).sum() == allowed(100, 0.1, 0.025)
    assert (score[~PACKAGES] >= high).sum() == allowed(100, 0.05, 0.025)


def test_a_good_model_needs_no_band():
    score = np.where(PACKAGES, 0.9, 0.1) + np.random.default_rng(0).normal(0, 0.01, 200)
    low, high = keep_promise(Promise(0.05, false_rejects=0.05, inspections=0.05), score, PACKAGES)
    assert low == high == np.sort(score[PACKAGES])[allowed(100, 0.05, 0.05 / 3)]


def test_a_band_that_is_promised_to_be_small_is_filled():
    score = scores(1, PACKAGES)[0]
    low, high = keep_promise(Promise(0.05, inspections=0.1), score, PACKAGES)
    waiting = ((score >= low) & (score < high) & ~PACKAGES).sum()
    assert waiting == allowed(100, 0.1, 0.025)
    generous, _ = keep_promise(Promise(0.05), score, PACKAGES)
    assert keep_promise(Promise(0.05, inspections=0.99), score, PACKAGES)[1] == NEVER
    assert low <= generous


def test_many_tables_at_once_are_those_of_each():
    score = scores(1, PACKAGES)[0]
    rng = np.random.default_rng(0)
    times = np.column_stack([rng.multinomial(100, np.full(100, 0.01), 30) for _ in range(2)])
    times = times.reshape(30, 200).astype(float)
    for promise in (Promise(0.05), Promise(0.1, 0.05), Promise(0.05, inspections=0.1)):
        lows, highs = promised_thresholds(promise, score, PACKAGES, times)
        for row, low, high in zip(times, lows, highs, strict=True):
            rows = np.repeat(np.arange(200), row.astype(int))
            assert keep_promise(promise, score[rows], PACKAGES[rows]) == (low, high)


def test_too_few_packages_are_refused_with_the_number_that_it_takes():
    few = np.arange(140) >= 100
    with pytest.raises(UserError, match=r"takes 59 damaged .* 93 if on one, 124 .* are 40"):
        keep_promise(Promise(0.05), scores(1, few)[0], few)
    with pytest.raises(UserError, match="299 damaged"):
        keep_promise(Promise(0.01), scores(1, few)[0], few)
    with pytest.raises(UserError, match=r"reject at most 1.0% of intact"):
        keep_promise(Promise(0.2, false_rejects=0.01), scores(1, few)[0], few)


def test_promises_that_no_thresholds_keep_together_are_refused():
    with pytest.raises(UserError, match=r"would be inspected.*no more than"):
        keep_promise(Promise(0.05, 0.05, 0.05), scores(1, PACKAGES)[0], PACKAGES)


@pytest.mark.parametrize("bounds", [(0.0,), (0.05, 1.0), (0.05, None, None, 1.5)])
def test_promises_outside_of_0_and_1_are_refused(bounds):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Promise(*bounds)
