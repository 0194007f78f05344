from dataclasses import replace

import pytest

from packsight.decision.calibration import NEVER, Calibration, Method
from packsight.decision.rule import Decision
from packsight.decision.terms import Figure, Kind, Promise
from packsight.reporting.decision_table import decision_table, sentences
from packsight.system.console import console

DECISION = Decision(
    kind=Kind.FIXED,
    runs={"top": ("a",)},
    cameras=("top",),
    fusion=None,
    calibration=Calibration(Method.PLATT, 0.5),
    share=0.01,
    accept_below=0.3,
    reject_from=0.3,
    seen=(0.1, 0.9),
    packages={"intact": 40, "damaged": 50},
    figures={
        "misses": Figure(0.5, 0.1, 1.2),
        "false_rejects": Figure(20.4, 9.2, 1000.0),
        "inspections": Figure(0.0, 0.0, 0.0),
        "wrong_of_100_rejects": Figure(None),
    },
)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.3, 0.3, "rejected from a score of 0.3 on, and else accepted"),
        (0.0, 0.0, "is always rejected"),
        (NEVER, NEVER, "is never rejected"),
        (0.2, 0.8, "accepted below a score of 0.2, rejected from 0.8 on, and else inspected"),
        (0.0, NEVER, "never accepted, never rejected, and else inspected"),
    ],
)
def test_thresholds_are_told_in_words(low, high, told):
    decision = replace(DECISION, accept_below=low, reject_from=high)
    assert told in " ".join(sentences(decision, "model", 1))


def test_what_serves_and_what_was_tested_are_told_apart():
    assert sentences(DECISION, "model", 1)[0] == "model serves."
    assert "best of 6" in sentences(DECISION, "model", 6)[0]
    assert "mean" not in " ".join(sentences(DECISION, "model", 1))
    folds = replace(DECISION, runs={"top": ("a", "b")})
    assert "mean of their scores" in sentences(folds, "model", 1)[-1]


def test_a_promise_is_told():
    promised = replace(DECISION, kind=Kind.PROMISE, promise=Promise(0.05, inspections=0.2))
    told = " ".join(sentences(promised, "model", 1))
    assert "95.0% confidence" in told
    assert "at most 5.0% of damaged packages are missed" in told
    assert "20.0% of intact ones are inspected" in told


def test_the_table_has_intervals_and_what_needs_no_decision(capsys):
    others = {"accept_all": {"misses": 10.0, "false_rejects": 0.0, "inspections": 0.0}}
    console.print(decision_table(DECISION, "model", others))
    shown = capsys.readouterr().out
    assert "0.50 0.10–1.20" in shown
    assert "20 9.20–1,000" in shown
    assert "accept all" in shown
    assert "40 intact and 50 damaged" in " ".join(shown.split())
    assert "cost" not in shown
