import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, norm

from packsight.decision.calibration import Method
from packsight.decision.calibration_fit import fit_calibration
from packsight.decision.certainty import figures, figures_of, resampled
from packsight.decision.fitting import fit_decision
from packsight.decision.outcomes import per_thousand
from packsight.decision.terms import Costs, Kind, Promise

SHARE = 0.01
TWO, THREE = Costs(50, 1), Costs(50, 5, 1)
DAMAGED = np.arange(180) >= 90
APART = 2.7


def validation(seed: int) -> np.ndarray:
    """Scores of 90 intact and 90 damaged packages by a model that is too sure and too timid."""
    return expit(2 * np.random.default_rng(seed).normal(APART * DAMAGED, 1) - 4)


def truth(low: float, high: float, costs: Costs) -> dict[str, float]:
    """What these thresholds do to endless many packages."""
    with np.errstate(divide="ignore"):
        places = (logit(np.minimum([low, high], 1)) + 4) / 2
    parts = []
    for mean in (0, APART):
        below, above = norm.cdf(places[0] - mean), norm.sf(places[1] - mean)
        parts.append([below, above, 1 - below - above])
    found = per_thousand(np.array(parts), SHARE, costs)
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("asked", "costs", "draws"),
    [
        ({"kind": Kind.COSTS}, TWO, 150),
        ({"kind": Kind.COSTS}, THREE, 150),
        ({"kind": Kind.PROMISE, "promise": Promise(0.05)}, TWO, 200),
        ({"kind": Kind.PROMISE, "promise": Promise(0.1, 0.05)}, THREE, 200),
        ({"kind": Kind.FIXED, "thresholds": (0.3, 0.3)}, TWO, 200),
    ],
    ids=["costs", "costs with inspection", "promise", "two promises", "fixed"],
)
def test_intervals_hold_what_the_shipped_thresholds_do(asked, costs, draws, monkeypatch):
    monkeypatch.setattr("packsight.decision.fitting.fit_calibration", platt)
    monkeypatch.setattr("packsight.decision.certainty.DRAWS", 300)
    held: dict[str, list[bool]] = {}
    for seed in range(draws):
        decision = fit_decision(
            validation(seed), DAMAGED, share=SHARE, costs=costs, runs={}, cameras=(), **asked,
            resamples=200,
        )  # fmt: skip
        for name, value in truth(decision.accept_below, decision.reject_from, costs).items():
            found = decision.figures[name]
            if found.value is None:
                continue
            inside = found.low - 1e-9 <= value <= found.high + 1e-9
            held.setdefault(name, []).append(inside)
    assert {name: np.mean(hits) for name, hits in held.items() if np.mean(hits) < 0.93} == {}


def platt(score, damaged):
    """Without the choice of a method, which takes the time of many fits."""
    return fit_calibration(score, damaged, Method.PLATT)


def by_hand(score, damaged, times):
    return np.full(len(times), 0.5), np.full(len(times), 0.5)


def test_with_thresholds_by_hand_a_rate_has_an_exact_interval():
    score = np.where(DAMAGED, 0.9, 0.1)
    score[[0, 1, 2, 100]] = 1 - score[[0, 1, 2, 100]]  # 3 of 90 rejected, 1 of 90 missed
    found = figures(score, DAMAGED, by_hand, 0.5)
    assert found["rejected_of_100_intact"].value == pytest.approx(100 * 3 / 90)
    ends = found["rejected_of_100_intact"].low, found["rejected_of_100_intact"].high
    exact = binomtest(3, 90).proportion_ci(0.95, "exact")
    assert ends == pytest.approx((100 * exact.low, 100 * exact.high), rel=0.01)
    high = found["missed_of_100_damaged"].high
    assert high == pytest.approx(100 * binomtest(1, 90).proportion_ci().high, rel=0.01)


def test_a_mistake_that_has_not_happened_yet_may_still_happen():
    found = figures(np.where(DAMAGED, 0.9, 0.1), DAMAGED, by_hand, 0.5)
    assert found["misses"].value == 0
    assert found["misses"].high > 5


def test_what_is_fitted_to_the_packages_at_hand_is_not_believed():
    """A threshold at the lowest damaged score misses none of them, and some of the next ones."""

    def lowest(score, damaged, times):
        drawn = np.where((times > 0) & damaged, score, np.inf)
        return drawn.min(axis=1), drawn.min(axis=1)

    found = figures(validation(0), DAMAGED, lowest, 0.5)
    assert 0.3 < found["missed_of_100_damaged"].value < 1.2  # 1 / 91 is true on average


def test_where_nothing_is_rejected_no_share_of_it_is_wrong():
    found = figures(np.full(180, 0.1), DAMAGED, by_hand, 0.5)
    assert found["wrong_of_100_rejects"].value is None


def test_resamples_keep_the_number_of_each_label():
    times = resampled(DAMAGED, 50, np.random.default_rng(0))
    assert (times[:, DAMAGED].sum(axis=1) == 90).all()
    assert (times[:, ~DAMAGED].sum(axis=1) == 90).all()
    assert times.std() > 0.9


def test_the_same_packages_give_the_same_figures():
    one, two = (figures(validation(0), DAMAGED, by_hand, 0.01, THREE) for _ in range(2))
    assert one == two


def test_what_was_done_has_the_exact_intervals_of_its_counts():
    damaged = np.arange(100) >= 60
    action = np.where(damaged, "reject", "accept")
    action[60:63], action[:6] = "accept", "reject"
    found = figures_of(action, damaged, 0.01, TWO)
    for name, errors, packages in (
        ("missed_of_100_damaged", 3, 40), ("rejected_of_100_intact", 6, 60),
    ):  # fmt: skip
        exact = binomtest(errors, packages).proportion_ci()
        assert found[name].value == pytest.approx(100 * errors / packages)
        assert found[name].low == pytest.approx(100 * exact.low, rel=0.02)
        assert found[name].high == pytest.approx(100 * exact.high, rel=0.02)
    assert found["inspections"].high == 0
    action[50] = "inspect"
    assert figures_of(action, damaged, 0.01, TWO)["inspections"].high > 0
    assert figures_of(action[:50], damaged[:50], 0.01) == {}
