import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from packsight.decision.prior import estimate_share, shifted
from packsight.errors import UserError


def line(packages: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Evidence of packages on a line: normal, 2.5 apart; and which are damaged."""
    rng = np.random.default_rng(seed)
    damaged = rng.random(packages) < share
    return rng.normal(2.5 * damaged, 1), damaged


def balanced(evidence: np.ndarray) -> np.ndarray:
    """The probability of damaged where every second package is."""
    return expit(2.5 * evidence - 2.5**2 / 2)


def test_a_shift_is_bayes():
    evidence, _ = line(1000, 0.1)
    damaged, intact = 0.02 * norm.pdf(evidence, 2.5), 0.98 * norm.pdf(evidence, 0)
    found = shifted(balanced(evidence), 0.5, 0.02)
    np.testing.assert_allclose(found, damaged / (damaged + intact), rtol=1e-9)


def test_on_a_simulated_line_shifted_probabilities_mean_what_they_say():
    evidence, damaged = line(400_000, 0.02)
    probability = shifted(balanced(evidence), 0.5, 0.02)
    assert probability.mean() == pytest.approx(0.02, rel=0.05)
    near = (probability > 0.25) & (probability < 0.35)
    assert damaged[near].mean() == pytest.approx(probability[near].mean(), abs=0.03)


def test_no_shift_changes_nothing_and_nan_stays():
    np.testing.assert_allclose(shifted([0.2, np.nan, 1.0], 0.3, 0.3), [0.2, np.nan, 1.0])


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_share_is_recovered_within_its_standard_errors(share):
    found = [estimate_share(balanced(line(2000, share, seed)[0]), 0.5) for seed in range(100)]
    off = [(estimate.share - share) / estimate.standard_error for estimate in found]
    assert np.mean(np.abs(off) < 2) >= 0.91
    assert abs(np.mean(off)) < 0.4


def test_what_the_probabilities_assume_does_not_matter():
    evidence, _ = line(5000, 0.05)
    first = estimate_share(balanced(evidence), 0.5)
    second = estimate_share(shifted(balanced(evidence), 0.5, 0.2), 0.2)
    assert first.share == pytest.approx(second.share, abs=1e-5)


@pytest.mark.parametrize(("packages", "share"), [(100, 0.01), (30, 0.01)])
def test_a_small_stream_is_told(packages, share):
    assert estimate_share(balanced(line(packages, share)[0]), 0.5).uncertain


def test_a_long_stream_needs_no_warning():
    assert not estimate_share(balanced(line(5000, 0.01)[0]), 0.5).uncertain


def test_packages_without_a_score_are_left_out():
    found = estimate_share([0.9, np.nan, 0.1], 0.5)
    assert found.packages == 2
    with pytest.raises(UserError, match="no package"):
        estimate_share([np.nan], 0.5)


def test_scores_that_tell_nothing_leave_the_share_unknown():
    found = estimate_share(np.full(30, 0.5), 0.5)
    assert found.standard_error == np.inf
    assert found.uncertain
