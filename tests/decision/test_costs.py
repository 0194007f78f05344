import numpy as np
import pytest
from scipy.special import expit

from packsight.decision.calibration import Calibration, Method
from packsight.decision.costs import bayes_thresholds, cost_thresholds
from packsight.decision.outcomes import per_thousand, shares
from packsight.decision.terms import Costs

LINE = Calibration(Method.PLATT, 0.5, slope=0.5, intercept=1.0)


@pytest.mark.parametrize(
    "costs", [Costs(50, 1), Costs(1, 1), Costs(50, 5, 1), Costs(10, 10, 2), Costs(10, 1, 1)]
)
def test_each_probability_gets_its_cheapest_action(costs):
    low, high = bayes_thresholds(costs)
    for p in np.linspace(0.001, 0.999, 997):
        prices = {"accept": p * costs.missed, "reject": (1 - p) * costs.false_reject}
        if costs.inspection is not None:
            prices["inspect"] = costs.inspection
        chosen = "accept" if p < low else "reject" if p >= high else "inspect"
        assert prices[chosen] == pytest.approx(min(prices.values()))


def test_known_thresholds():
    assert bayes_thresholds(Costs(49, 1)) == pytest.approx((0.02, 0.02))
    assert bayes_thresholds(Costs(50, 5, 1)) == pytest.approx((0.02, 0.8))
    assert len(set(bayes_thresholds(Costs(50, 1, 1)))) == 1  # an inspection is never the cheapest
    assert bayes_thresholds(Costs(50, 5, 0)) == (0, 1)


def test_the_score_is_where_the_lines_probability_is_the_threshold():
    # 49 : 1 at 2 % damaged: odds of 1 : 49, of 1 : 1 where both are as frequent, so the logit is
    # (0 - intercept) / slope.
    low, high = cost_thresholds(Costs(49, 1), 0.02, LINE)
    assert low == high == pytest.approx(expit(-2.0))


def test_a_toy_sets_cheapest_threshold_is_found():
    """Each score s is of damaged packages in a share s of cases: calibrated as it stands."""
    score = np.repeat(np.arange(5, 100, 10) / 100, 100)
    damaged = np.tile(np.arange(100), 10) < 100 * score
    asis = Calibration(Method.TEMPERATURE, 0.5)
    low, high = cost_thresholds(Costs(3, 1), 0.5, asis)
    assert low == high == pytest.approx(0.25)
    price = {
        threshold: per_thousand(shares(score, damaged, threshold, threshold)[0], 0.5, Costs(3, 1))[
            "cost"
        ]
        for threshold in np.arange(0, 1.01, 0.1)
    }
    cheapest = min(price, key=lambda threshold: float(price[threshold]))
    assert cheapest in (pytest.approx(0.2), pytest.approx(0.3))


@pytest.mark.parametrize("costs", [(0, 1, None), (1, 0, None), (1, 1, -1)])
def test_costs_below_nothing_are_refused(costs):
    with pytest.raises(ValueError, match="cost"):
        Costs(*costs)
