"""The curves' counts on a small table, and the areas against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from packsight.evaluation.ranking import auroc, average_precision, counts_by_threshold


def test_equal_scores_are_one_threshold() -> None:
    damaged = np.array([1, 0, 1, 0, 1])
    alarms, hits = counts_by_threshold(damaged, np.array([0.9, 0.5, 0.5, 0.1, 0.5]))
    assert alarms.tolist() == [0, 0, 1, 2]
    assert hits.tolist() == [0, 1, 3, 3]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 6])
def test_areas_are_those_of_scikit_learn(seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    damaged = np.append([0, 1], rng.integers(0, 2, 40))
    score = np.round(rng.random(42), decimals)
    assert auroc(damaged, score) == pytest.approx(roc_auc_score(damaged, score), abs=1e-12)
    expected = average_precision_score(damaged, score)
    assert average_precision(damaged, score) == pytest.approx(expected, abs=1e-12)


def test_a_perfect_ranking_is_exactly_one() -> None:
    damaged = np.array([0] * 7 + [1] * 13)
    score = np.linspace(0, 1, 20)
    assert auroc(damaged, score) == average_precision(damaged, score) == 1.0
