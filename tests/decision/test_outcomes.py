import numpy as np
import pytest

from packsight.decision.outcomes import alternatives, per_thousand, shares
from packsight.decision.terms import Costs

SCORE = np.array([0.1, 0.2, 0.6, 0.9, 0.3, 0.5, 0.7, 0.95])
DAMAGED = np.repeat([False, True], 4)


def test_shares_and_figures_of_a_small_case():
    found = shares(SCORE, DAMAGED, 0.3, 0.7)
    np.testing.assert_allclose(found, [[[0.5, 0.25, 0.25], [0, 0.5, 0.5]]])
    figures = per_thousand(found[0], 0.1, Costs(50, 5, 1))
    assert {name: float(value) for name, value in figures.items()} == pytest.approx(
        {
            "misses": 0,
            "false_rejects": 225,
            "inspections": 225 + 50,
            "rejects": 225 + 50,
            "wrong_of_100_rejects": 100 * 225 / 275,
            "missed_of_100_damaged": 0,
            "rejected_of_100_intact": 25,
            "cost": 5 * 225 + 275,
        }
    )
    assert "cost" not in per_thousand(found[0], 0.1, None)


def test_shares_of_many_tables_are_those_of_each():
    times = np.array([[1, 0, 2, 1, 0, 3, 0, 1], [1, 1, 1, 1, 1, 1, 1, 1.0]])
    found = shares(SCORE, DAMAGED, [0.3, 0.55], [0.7, 0.55], times)
    rows = np.repeat(np.arange(8), times[0].astype(int))
    np.testing.assert_allclose(found[0], shares(SCORE[rows], DAMAGED[rows], 0.3, 0.7)[0])
    np.testing.assert_allclose(found[1], shares(SCORE, DAMAGED, 0.55, 0.55)[0])


def test_what_needs_no_fit():
    found = alternatives(SCORE, DAMAGED, 0.01, Costs(50, 5, 1))
    cost = {name: figures["cost"] for name, figures in found.items()}
    assert cost == pytest.approx(
        {
            "accept_all": 10 * 50,
            "reject_all": 990 * 5,
            "inspect_all": 1000,
            "at_0.5": 2.5 * 50 + 495 * 5,
        }
    )
    assert "inspect_all" not in alternatives(SCORE, DAMAGED, 0.01, Costs(50, 5))
