import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import packsight.decision
from packsight.decision.calibration import NEVER, Calibration, Method
from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision, read_decision, write_decision
from packsight.decision.terms import AlwaysInspect, Costs, Figure, Kind, Promise
from packsight.domain import Fusion
from packsight.errors import UserError

DECISION = Decision(
    kind=Kind.COSTS,
    runs={"top": ("a/fold0", "a/fold1"), "side": ("b/fold0", "b/fold1")},
    cameras=("top", "side"),
    fusion=LateFusion(Fusion.LOGISTIC, (1.0, 0.5, -0.2)),
    calibration=Calibration(Method.PLATT, 0.5, slope=0.5, intercept=1.0),
    share=0.02,
    accept_below=0.3,
    reject_from=0.7,
    seen=(0.1, 0.9),
    packages={"intact": 90, "damaged": 88},
    costs=Costs(50, 5, 1),
    figures={"misses": Figure(0.5, 0.1, 1.2), "wrong_of_100_rejects": Figure(None)},
)
ISOTONIC = replace(
    DECISION,
    kind=Kind.PROMISE,
    calibration=Calibration(Method.ISOTONIC, 0.5, knots=((0.0, 0.1), (1.0, 0.9))),
    promise=Promise(0.05, inspections=0.1),
    fusion=None,
    costs=None,
    reject_from=NEVER,
)


def test_scores_are_accepted_inspected_and_rejected():
    decided = DECISION.decide([0.29, 0.3, 0.69, 0.7])
    assert decided.action.tolist() == ["accept", "inspect", "inspect", "reject"]
    assert decided.reason.tolist() == ["score"] * 4
    assert decided.probability[0] < DECISION.calibration.apply([0.29])[0]
    assert (np.diff(decided.probability) > 0).all()


@pytest.mark.parametrize(
    ("setting", "asked", "reason"),
    [
        ("not_located", {"located": [False, True]}, "not_located"),
        ("missing_camera", {"cameras": ["top", "top+side"]}, "missing_camera"),
        ("unseen_score", {"score": [0.001, 0.2]}, "unseen_score"),
    ],
)
def test_what_no_score_speaks_for_is_inspected_unless_it_is_set_otherwise(setting, asked, reason):
    given = {"score": [0.2, 0.2]} | asked
    decided = DECISION.decide(**given)
    assert decided.action.tolist() == ["inspect", "accept"]
    assert decided.reason.tolist() == [reason, "score"]
    assert decided.counts()[reason] == 1
    assert decided.counts()["accept"] == 1
    relaxed = replace(DECISION, always_inspect=replace(AlwaysInspect(), **{setting: False}))
    assert relaxed.decide(**given).action.tolist() == ["accept", "accept"]


def test_a_score_a_little_beyond_those_of_validation_is_familiar():
    assert DECISION.decide([0.09, 0.91]).reason.tolist() == ["score", "score"]
    assert DECISION.decide([0.05, 0.95]).reason.tolist() == ["unseen_score"] * 2


def test_without_a_score_a_package_is_inspected_in_any_case():
    never = replace(DECISION, always_inspect=AlwaysInspect(False, False, False))
    decided = never.decide([np.nan, 0.2], located=[False, True])
    assert decided.action.tolist() == ["inspect", "accept"]
    assert decided.reason.tolist() == ["no_score", "score"]
    assert np.isnan(decided.probability[0])
    assert DECISION.decide([]).action.tolist() == []


def test_the_most_telling_reason_is_given():
    decided = DECISION.decide([0.001], located=[False], cameras=["top"])
    assert decided.reason.tolist() == ["not_located"]


def test_on_a_line_with_more_damage_costs_reject_more():
    moved = DECISION.at_share(0.1)
    assert moved.accept_below < DECISION.at_share(0.02).accept_below
    assert moved.probability([0.5])[0] > DECISION.probability([0.5])[0]
    assert moved.figures == {}
    promised = ISOTONIC.at_share(0.1)
    assert (promised.accept_below, promised.reject_from) == (0.3, NEVER)


@pytest.mark.parametrize("decision", [DECISION, ISOTONIC])
def test_what_is_stored_is_read_again(decision, tmp_path):
    assert read_decision(write_decision(decision, tmp_path)) == decision


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "reads 1"),
        ({"accept_below": 0.9}, "rising thresholds"),
        ({"accept_below": "low"}, "accept_below"),
        ({"share": 2.0}, "share"),
        ({"kind": "guess"}, "kind"),
        ({"calibration": {"method": "platt"}}, "share"),
        ({"calibration": {"method": "isotonic", "share": 0.5}}, "knots"),
        ({"costs": {"missed": -1, "false_reject": 1}}, "cost"),
        ({"runs": None}, "runs"),
    ],
)
def test_a_damaged_file_is_told(changes, said, tmp_path):
    file = write_decision(DECISION, tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(UserError, match=said) as raised:
        read_decision(file)
    assert "fit the decision again" in str(raised.value)


def test_no_decision_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_decision(tmp_path / "decision.json")


def test_a_line_decides_without_what_fits():
    """NumPy is enough: SciPy, scikit-learn, pandas and torch stay out."""
    code = (
        "import sys; import packsight.decision.rule, packsight.decision.late_fusion; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "numpy" in loaded
    assert not {"torch", "scipy", "sklearn", "pandas", "timm", "lightning"} & set(loaded)


def test_nothing_in_the_room_needs_torch_or_pandas():
    code = (
        "import sys, pkgutil, importlib, packsight.decision as room\n"
        "for found in pkgutil.iter_modules(room.__path__):\n"
        "    importlib.import_module(f'packsight.decision.{found.name}')\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    # scikit-learn looks whether pandas is there; the room itself does not.
    assert not {"torch", "timm", "lightning", "torchmetrics"} & set(loaded)
    for file in Path(packsight.decision.__file__).parent.glob("*.py"):
        assert "import pandas" not in file.read_text(encoding="utf-8")
