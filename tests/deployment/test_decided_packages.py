"""New packages on lines with various shares of damaged ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from packsight.decision.calibration import Calibration, Method
from packsight.decision.costs import cost_thresholds
from packsight.decision.rule import Decision
from packsight.decision.terms import Costs, Kind
from packsight.deployment.decided_packages import decide_all

COSTS, CALIBRATION = Costs(50, 1), Calibration(Method.PLATT, 0.5)
LOW, HIGH = cost_thresholds(COSTS, 0.01, CALIBRATION)
DECISION = Decision(
    kind=Kind.COSTS,
    runs={"top": ("t",)},
    cameras=("top",),
    fusion=None,
    calibration=CALIBRATION,
    share=0.01,
    accept_below=LOW,
    reject_from=HIGH,
    seen=(1e-4, 1 - 1e-4),
    packages={"intact": 50, "damaged": 50},
    costs=COSTS,
)


def packages(scores: np.ndarray) -> pd.DataFrame:
    serials = [f"{number:05d}" for number in range(len(scores))]
    rows = {"serial": serials, "probability": scores, "cameras": "top", "sure": True}
    return pd.DataFrame(rows | {"predicted": "intact"})


def test_a_package_of_which_no_image_is_usable_is_inspected():
    found = decide_all(packages(np.array([0.1])), pd.Series(["00000", "torn", "torn"]), DECISION)
    assert found["serial"].tolist() == ["00000", "torn"]
    assert found["decision"].tolist() == ["accept", "inspect"]
    assert found["reason"].tolist() == ["score", "no_score"]
    assert found[["cameras", "predicted", "sure"]].iloc[1].tolist() == ["", "", False]


def test_another_share_moves_thresholds_and_probabilities(capsys):
    table = packages(np.array([0.5]))
    assert decide_all(table, table["serial"], DECISION)["decision"].tolist() == ["accept"]
    moved = decide_all(table, table["serial"], DECISION, 0.3)
    assert moved["decision"].tolist() == ["reject"]
    assert moved["calibrated"].tolist() == [pytest.approx(0.3)]
    assert "30.000% of packages damaged, not 1.000%" in capsys.readouterr().out


def stream(number: int, share: float) -> np.ndarray:
    """Scores that mean what they say where every second package is damaged."""
    rng = np.random.default_rng(0)
    evidence = rng.normal(4.0 * (rng.random(number) < share), 1)
    return 1 / (1 + np.exp(-(4 * evidence - 8)))


def test_the_share_of_a_long_stream_is_estimated(capsys):
    table = packages(stream(4000, 0.05))
    found = decide_all(table, table["serial"], replace(DECISION, seen=(1e-6, 1.0)), "estimate")
    assert found["calibrated"].mean() == pytest.approx(0.05, abs=0.01)
    assert "uncertain" not in capsys.readouterr().out


def test_a_short_stream_is_told_and_one_that_tells_nothing_moves_nothing(capsys):
    table = packages(stream(30, 0.0))
    decide_all(table, table["serial"], DECISION, "estimate")
    assert "uncertain" in capsys.readouterr().out
    table = packages(np.full(30, 0.5))
    found = decide_all(table, table["serial"], DECISION, "estimate")
    assert found["calibrated"].tolist() == [pytest.approx(0.01)] * 30
    assert "uncertain" in capsys.readouterr().out
