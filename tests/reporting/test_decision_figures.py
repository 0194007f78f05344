"""What the pictures of a decision show: the thresholds that were chosen, and their cost."""

from dataclasses import replace

import numpy as np
import pytest

from packsight.decision.fitting import fit_decision
from packsight.decision.rule import Decision
from packsight.decision.terms import Costs, Kind
from packsight.reporting.decision_figures import reliability_figures, threshold_figures

GENERATOR = np.random.default_rng(0)
DAMAGED = np.arange(200) % 2 == 1
SCORE = 1 / (1 + np.exp(-(3.0 * DAMAGED - 1.5 + GENERATOR.normal(size=200))))


@pytest.fixture(scope="module")
def decision() -> Decision:
    return fit_decision(
        SCORE, DAMAGED, kind=Kind.COSTS, share=0.1, runs={"top": ["a"]}, cameras=["top"],
        costs=Costs(20, 1), resamples=20,
    )  # fmt: skip


def test_the_chosen_threshold_is_marked_where_cost_is_least(decision):
    cost, errors = threshold_figures(decision, SCORE, DAMAGED)
    for figure in (cost, errors):
        marks = [line.get_xdata()[0] for line in figure.axes[0].lines
                 if line.get_linestyle() == ":" and line.get_color() == "black"]  # fmt: skip
        assert marks == [decision.reject_from]
    curve = next(one for one in cost.axes[0].lines if one.get_label() == "one threshold")
    costs = np.asarray(curve.get_ydata())
    place = np.searchsorted(curve.get_xdata(), decision.reject_from)
    assert costs[place] < 1.25 * costs.min()
    assert costs[0] == pytest.approx(900)  # all rejected: 900 intact ones
    assert costs[-1] == pytest.approx(2000, rel=0.02)  # all accepted: 100 damaged ones


def test_without_costs_there_is_no_curve_of_them(decision):
    assert len(threshold_figures(replace(decision, costs=None), SCORE, DAMAGED)) == 1


def test_calibration_brings_the_points_to_the_line():
    timid = SCORE**4  # ranks alike, says damaged too seldom
    decision = fit_decision(
        timid, DAMAGED, kind=Kind.COSTS, share=0.1, runs={"top": ["a"]}, cameras=["top"],
        costs=Costs(20, 1), resamples=20,
    )  # fmt: skip
    figures = reliability_figures(decision, timid, DAMAGED)
    titles = [figure.axes[0].get_title() for figure in figures]
    assert titles == ["before calibration", "after calibration"]
    points = [figure.axes[0].lines[1] for figure in figures]
    before, after = (np.abs(np.subtract(one.get_xdata(), one.get_ydata())).mean() for one in points)
    assert after < 0.5 * before
