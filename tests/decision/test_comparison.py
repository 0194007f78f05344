import numpy as np
import pytest
from scipy.stats import binomtest

from packsight.decision.comparison import holm, mcnemar, paired_difference, tied_with_best

DAMAGED = np.arange(180) % 2 == 1
FIRST = np.arange(180) < 162
SECOND = np.arange(180) < 169


def test_169_against_162_of_180_is_a_difference():
    found = mcnemar(FIRST, SECOND)
    assert (found.first_alone, found.second_alone) == (0, 7)
    assert found.p_value == pytest.approx(0.015625)


def test_the_same_two_counts_are_none_where_many_packages_differ():
    other = np.roll(FIRST, 90)  # 162 right, but others
    found = mcnemar(other, SECOND)
    assert (found.first_alone, found.second_alone) == (11, 18)
    assert found.p_value == pytest.approx(binomtest(11, 29).pvalue)
    assert mcnemar(FIRST, FIRST).p_value == 1


def test_a_textbook_case():
    """Agresti 2002, table 10.1 has 86 and 150 discordant answers: z² = 17.36."""
    first = np.repeat([True, False], [86, 150])
    assert mcnemar(first, ~first).p_value == pytest.approx(3.7e-5, rel=0.05)


def test_a_paired_difference_has_an_interval_of_its_own():
    found = paired_difference(SECOND, FIRST, DAMAGED)
    assert found.value == pytest.approx(7 / 180)
    assert 0 < found.low < 7 / 180 < found.high < 0.08
    weighted = paired_difference(DAMAGED, np.zeros(180), DAMAGED, share=0.01)
    assert (weighted.value, weighted.low, weighted.high) == pytest.approx((0.01, 0.01, 0.01))


def test_its_interval_holds_the_true_difference():
    held = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        hard = rng.random(180)
        first, second = hard < rng.normal(0.85, 0.02, 180), hard < rng.normal(0.8, 0.02, 180)
        found = paired_difference(first, second, DAMAGED)
        held.append(found.low <= 0.05 <= found.high)
    assert np.mean(held) >= 0.93


def test_holms_correction_is_that_of_the_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert holm([]).tolist() == []


def test_runs_that_cannot_be_told_from_the_best_are_tied():
    counts = [169, 162, 168, 167, 166, 90]
    right = np.array([np.arange(180) < count for count in counts], dtype=float)
    # p = 0.016, times the four that are left after the last one, is no longer below 0.05.
    assert tied_with_best(right, 0).tolist() == [True, True, True, True, True, False]
    assert tied_with_best(right[:2], 0).tolist() == [True, False]  # p = 0.016, no correction


def test_only_packages_that_both_were_asked_count():
    right = np.array([SECOND, FIRST], dtype=float)
    right[1, 162:166] = np.nan
    assert tied_with_best(right, 0).tolist() == [True, True]  # 3 to 0


def test_among_equals_none_is_told_apart_but_by_chance():
    apart = 0
    for seed in range(150):
        hard = np.random.default_rng(seed).random((5, 180))
        apart += not tied_with_best((hard < 0.9).astype(float), 0).all()
    assert apart <= 11  # 5 % of 150, and what chance adds
