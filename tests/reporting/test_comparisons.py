"""Configurations on the same packages: what can be told from the best, and what is tied."""

import numpy as np
import pandas as pd
import pytest

from packsight.decision.comparison import packages_to_settle
from packsight.reporting.comparisons import against_best, compare, package_right

SERIALS = [f"{number:03d}" for number in range(180)]
DAMAGED = pd.Series(np.arange(180) % 2 == 1, index=SERIALS)


def right(*counts: int) -> pd.DataFrame:
    """A column for each configuration, with the first so many packages right."""
    columns = {place: (np.arange(180) < count).astype(float) for place, count in enumerate(counts)}
    return pd.DataFrame(columns, index=SERIALS)


def test_a_package_is_right_by_the_mean_of_its_images():
    table = pd.DataFrame(
        {
            "serial": ["1", "1", "2", "2", "3"],
            "label": ["damaged", "damaged", "intact", "intact", "damaged"],
            "probability": [0.9, 0.2, 0.9, 0.2, 0.9],
            "split": ["test"] * 4 + ["val"],
        }
    )
    assert package_right(table).to_dict() == {"1": 1.0, "2": 0.0}


def test_169_against_162_of_180_is_settled_though_intervals_overlap():
    rows = pd.DataFrame({"rank": [1, 2, 3], "camera": "top"})
    found = against_best(rows, right(169, 162, 168), DAMAGED, ["camera"])
    assert found["tied"].tolist() == [True, False, True]
    assert found["p_value"].tolist() == pytest.approx([1, 2 * 0.015625, 1])  # Holm's: twice
    assert found.loc[1, "difference"] == pytest.approx(-7 / 180)
    assert found.loc[1, "difference_high"] < 0 < found.loc[2, "difference_high"] + 0.01
    assert np.isnan(found.loc[0, "difference"])


def test_groups_have_bests_of_their_own():
    rows = pd.DataFrame({"rank": [1, 2, 1], "camera": ["top", "top", "side"]})
    found = against_best(rows, right(169, 162, 100), DAMAGED, ["camera"])
    assert found["tied"].tolist() == [True, False, True]
    assert found.loc[1, "p_value"] == pytest.approx(0.015625)


def test_only_packages_that_both_were_tested_on_count():
    table = right(169, 162)
    table.iloc[165:, 1] = np.nan
    found = compare(table, DAMAGED, 0, 1)
    assert found is not None
    assert (found.packages, found.first_alone, found.second_alone) == (165, 3, 0)
    table.iloc[:, 1] = np.nan
    assert compare(table, DAMAGED, 0, 1) is None


def test_packages_that_would_settle_a_difference_do_so_four_times_in_five():
    """Shares 0.1 and 0.05 right by one alone: some 470 packages, found by drawing them too."""
    needed = packages_to_settle(10, 5, 100)
    assert needed is not None
    generator = np.random.default_rng(0)
    draws = generator.multinomial(needed, [0.1, 0.05, 0.85], size=2000)
    from scipy.stats import binomtest

    found = [binomtest(int(a), int(a + b)).pvalue < 0.05 for a, b, _ in draws]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert packages_to_settle(5, 5, 100) is None
