import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from packsight.decision.calibration import Method
from packsight.decision.fitting import fit_decision
from packsight.decision.promise import keep_promise
from packsight.decision.terms import Costs, Kind, Promise
from packsight.errors import UserError

SHARE = 0.01
ON_LINE = 100_000
VALIDATION = np.arange(400) >= 200


def scores(damaged: np.ndarray, apart: float, rng: np.random.Generator) -> np.ndarray:
    """Of a model that is twice as sure as it may be and too timid, as real ones on few images."""
    return expit(2 * (rng.normal(apart * damaged, 1)) - 4)


def best_score(share: float, odds: float, apart: float) -> float:
    """The score at which damaged is `odds` times as likely as intact, by the true distributions."""
    evidence = (np.log(odds * (1 - share) / share) + apart**2 / 2) / apart
    return float(expit(2 * evidence - 4))


def fitted(score, damaged, costs, **more):
    return fit_decision(
        score, damaged, kind=Kind.COSTS, share=SHARE, costs=costs, runs={"top": ["a"]},
        cameras=["top"], resamples=20, **more,
    )  # fmt: skip


class Line:
    """100,000 packages, whose cost under two thresholds is counted."""

    def __init__(self, apart: float) -> None:
        rng = np.random.default_rng(7)
        self.damaged = np.arange(ON_LINE) < SHARE * ON_LINE
        self.score = scores(self.damaged, apart, rng)

    def cost(self, low: float, high: float, costs: Costs) -> float:
        accepted, rejected = self.score < low, self.score >= high
        return (
            costs.missed * (accepted & self.damaged).sum()
            + costs.false_reject * (rejected & ~self.damaged).sum()
            + (costs.inspection or 0) * (~accepted & ~rejected).sum()
        )


@pytest.mark.parametrize("apart", [2.0, 2.7])
@pytest.mark.parametrize("costs", [Costs(50, 1), Costs(50, 5, 1)], ids=["nobody", "inspected"])
def test_realised_cost_is_near_the_best_possible_and_one_half_is_not(apart, costs):
    line = Line(apart)
    if costs.inspection is None:
        both = 2 * [best_score(SHARE, 1 / 50, apart)]
    else:  # of p to 1 - p where accepting and inspecting, rejecting and inspecting cost the same
        both = [best_score(SHARE, odds, apart) for odds in (0.02 / 0.98, 0.8 / 0.2)]
    best = line.cost(*both, costs)
    realised = []
    for seed in range(40):
        score = scores(VALIDATION, apart, np.random.default_rng(seed))
        decision = fitted(score, VALIDATION, costs)
        realised.append(line.cost(decision.accept_below, decision.reject_from, costs) / best)
    assert np.median(realised) < 1.03
    assert np.quantile(realised, 0.9) < 1.06
    assert line.cost(0.5, 0.5, costs) / best > 1.12


def test_a_decision_says_what_it_rests_on():
    score = scores(VALIDATION[150:], 2.7, np.random.default_rng(0))
    decision = fitted(score, VALIDATION[150:], Costs(50, 1))
    assert decision.packages == {"intact": 50, "damaged": 200}
    assert decision.calibration.share == 0.8
    assert decision.seen == (score.min(), score.max())
    assert decision.runs == {"top": ("a",)}
    assert decision.accept_below == decision.reject_from
    assert decision.figures["cost"].low < decision.figures["cost"].value
    assert decision.at_share(SHARE).accept_below == decision.accept_below


def test_labels_in_other_numbers_move_no_threshold():
    """Validation with 1 in 5 damaged, or 4 in 5: the line's share is what counts."""
    rng, found = np.random.default_rng(0), []
    for part in (0.2, 0.8):
        damaged = np.arange(8000) < 8000 * part
        score = scores(damaged, 2.7, rng)
        found.append(fitted(score, damaged, Costs(50, 1)).accept_below)
    assert found == pytest.approx([best_score(SHARE, 1 / 50, 2.7)] * 2, rel=0.1)


def test_expected_figures_are_those_of_the_thresholds():
    rng = np.random.default_rng(0)
    damaged = np.arange(4000) >= 2000
    decision = fit_decision(
        scores(damaged, 2.7, rng), damaged, kind=Kind.FIXED, share=0.1, thresholds=(0.2, 0.6),
        runs={}, cameras=(),
    )  # fmt: skip
    low, high = (np.log([0.2 / 0.8, 0.6 / 0.4]) + 4) / 2
    figures = decision.figures
    assert figures["misses"].value == pytest.approx(100 * norm.cdf(low - 2.7), rel=0.15)
    assert figures["false_rejects"].value == pytest.approx(900 * norm.sf(high), rel=0.15)
    assert (decision.accept_below, decision.reject_from) == (0.2, 0.6)


def test_a_promise_keeps_its_thresholds_whatever_the_costs():
    score = scores(VALIDATION, 2.7, np.random.default_rng(0))
    promise = Promise(0.05, false_rejects=0.1)
    for costs in (None, Costs(50, 1)):
        decision = fit_decision(
            score, VALIDATION, kind=Kind.PROMISE, share=SHARE, promise=promise, costs=costs,
            runs={}, cameras=(), resamples=20,
        )  # fmt: skip
        found = decision.accept_below, decision.reject_from
        assert found == keep_promise(promise, score, VALIDATION)
        assert ("cost" in decision.figures) == (costs is not None)


def test_a_bent_calibration_is_fitted_anew_in_each_resample():
    rng = np.random.default_rng(0)
    score = rng.random(600)
    damaged = rng.random(600) < np.where(score > 0.6, 0.98, 0.35)
    decision = fitted(score, damaged, Costs(99, 1))
    assert decision.calibration.method == Method.ISOTONIC
    assert decision.figures["false_rejects"].low < decision.figures["false_rejects"].high


def test_thresholds_without_an_order_are_told():
    with pytest.raises(UserError, match=r"accept_below=0.6 and reject_from=0.2"):
        fit_decision(
            [0.1, 0.2, 0.8, 0.9], [False, False, True, True], kind=Kind.FIXED, share=SHARE,
            thresholds=(0.6, 0.2), runs={}, cameras=(),
        )  # fmt: skip
