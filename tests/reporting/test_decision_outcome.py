"""A decision on labelled packages: what is counted, and what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from decisions import BAND

from packsight.reporting.decision_outcome import write_decisions
from packsight.runs.saved import Run
from packsight.system.files import read_json

NAMES = {"top": ("top/0", "top/1"), "side": ("side/0",)}
DECISION = replace(BAND, runs=NAMES)
LABELS = {"a": "intact", "b": "intact", "c": "damaged", "d": "damaged"}


@pytest.fixture
def folders(tmp_path) -> dict[str, Path]:
    """Predictions of three runs; one of the top runs has not scored d, which it knows."""
    scores = {
        "top/0": {"a": 0.1, "b": 0.9, "c": 0.1, "d": 0.9},
        "top/1": {"a": 0.3, "b": 0.9, "c": 0.1},
        "side/0": {"a": 0.1, "b": 0.9, "c": 0.1, "d": 0.9},
    }
    for name, of_run in scores.items():
        camera = name.split("/")[0]
        rows = [
            {"serial": serial, "perspective": camera, "label": LABELS[serial], "split": "test",
             "probability": score, "crop": "auto"}
            for serial, score in of_run.items()
        ]  # fmt: skip
        (tmp_path / name).mkdir(parents=True)
        pd.DataFrame(rows).to_csv(tmp_path / name / "predictions.csv", index=False)
    return {name: tmp_path / name for name in scores}


def write(folders: dict[str, Path], known: set[str], target: Path) -> None:
    runs = {
        part: [Run(folders[name], folders[name], None, name) for name in names]
        for part, names in NAMES.items()
    }
    write_decisions(DECISION, runs, folders, known, target)


def test_packages_are_decided_by_the_mean_of_the_runs_and_counted(folders, tmp_path, capsys):
    write(folders, {"d"}, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/decisions.csv").set_index("serial")
    np.testing.assert_allclose(table["probability"], [0.15, 0.9, 0.1])  # a: of 0.2 and 0.1
    assert table["decision"].to_dict() == {"a": "accept", "b": "reject", "c": "accept"}
    found = read_json(tmp_path / "out/metrics.json")["decision"]
    assert found["packages"] == {"intact": 2, "damaged": 1}
    assert (found["missed"], found["false_rejects"], found["inspect"]) == (1, 1, 0)
    figures = found["per_1000"]
    assert figures["misses"]["value"] == pytest.approx(100)
    assert figures["false_rejects"]["value"] == pytest.approx(450)
    assert figures["false_rejects"]["low"] < 450 < figures["false_rejects"]["high"]
    assert "1 damaged accepted, 1 intact rejected" in " ".join(capsys.readouterr().out.split())


def test_where_each_package_is_known_that_is_told_and_nothing_written(folders, tmp_path, capsys):
    write(folders, set(LABELS), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "known to one of its models" in " ".join(capsys.readouterr().out.split())


def test_packages_of_one_label_are_counted_without_rates(folders, tmp_path):
    write(folders, {"c", "d"}, tmp_path / "out")
    assert read_json(tmp_path / "out/metrics.json")["decision"]["per_1000"] == {}
