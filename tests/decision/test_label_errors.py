import numpy as np
from scipy.special import expit

from packsight.decision.label_errors import probable_label_errors


def test_labels_that_were_changed_are_found_first():
    rng = np.random.default_rng(0)
    damaged = np.arange(200) % 2 == 1
    probability = expit(rng.normal(np.where(damaged, 2.5, -2.5), 1))
    given = damaged.copy()
    changed = [3, 8, 40, 77, 150]
    given[changed] ^= True
    found = probable_label_errors(probability, given)
    assert {suspect.row for suspect in found[:5]} == set(changed)
    assert found[0].label != found[0].probable
    sureness = [suspect.confidence for suspect in found]
    assert sureness == sorted(sureness, reverse=True)
    assert {suspect.row: suspect.label for suspect in found}[3] == "intact"


def test_a_good_model_suspects_none():
    damaged = np.arange(20) % 2 == 1
    assert probable_label_errors(np.where(damaged, 0.9, 0.1), damaged) == []


def test_a_doubt_below_what_is_usual_is_no_suspicion():
    probability = np.array([0.9, 0.9, 0.9, 0.1, 0.1, 0.6])
    given = np.array([True, True, True, False, False, False])
    assert probable_label_errors(probability, given) == []


def test_without_a_second_label_or_a_score_nobody_is_suspected():
    assert probable_label_errors([0.1, 0.9], [True, True]) == []
    found = probable_label_errors([0.95, np.nan, 0.9, 0.1, 0.1], [False, False, True, False, False])
    assert [suspect.row for suspect in found] == [0]
