"""MODEL_CARD.md: known values appear, nothing is left unfilled, and it travels with the models."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml

from packsight.decision.fitting import fit_decision
from packsight.decision.rule import write_decision
from packsight.decision.terms import Costs, Kind
from packsight.reporting.model_card import FILE, write_model_card
from packsight.reporting.sweep_end import pack_models
from packsight.system.files import write_json

RUN = "sample/resnet18/side/fp32/split_seed0"
UNFILLED = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|\bnan\b|<NA>|\{\w*\}", re.IGNORECASE)


@pytest.fixture
def experiment(tmp_path) -> Path:
    """A run with 20 test packages, of which its tables say what the card is to say."""
    folder = tmp_path / "exp" / RUN
    folder.mkdir(parents=True)
    config = {
        "monitor": "val/loss", "monitor_mode": "min", "seed": 0, "manifest": "ab" * 32,
        "data": {"name": "sample", "split_seed": 7}, "perspective": {"name": "side"},
        "model": {"backbone": "resnet18", "weights": "bundled"}, "precision": {"name": "fp32"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(complete_yaml(config))
    write_json(
        folder / "environment.json",
        {"python": "3.12.1", "device": "cpu", "versions": {"torch": "9.8.7"},
         "git": {"commit": "c0ffee", "dirty": True}},
    )  # fmt: skip
    predictions = {
        "serial": [f"{number:013d}" for number in range(20)], "perspective": "side",
        "label": ["damaged", "intact"] * 10, "probability": 0.5, "split": "test",
    }  # fmt: skip
    pd.DataFrame(predictions).to_csv(folder / "predictions.csv", index=False)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints/best.ckpt").write_bytes(b"weights")
    same = {"data": "sample", "share": None, "perspective": "side", "backbone": "resnet18",
            "precision": "fp32", "weights": "bundled", "crop": "auto", "recipe": "",
            "variant": "123456", "seed": 0,
            "monitor": "val/loss", "monitor_mode": "min"}  # fmt: skip
    run = same | {"folder": RUN, "state": "done", "fold": None}
    pd.DataFrame([run]).to_csv(folder.parents[4] / "leaderboard.csv", index=False)
    metrics = {"accuracy": 0.85, "recall_damaged": 0.8, "recall_intact": 0.9, "auroc": 0.913}
    row = same | {"test": "split", "fusion": "", "lacks": "", "rank": 1, "monitor_value": 0.321,
                  "folds": 1, "packages": 20, "not_located": 2} | metrics  # fmt: skip
    row |= {f"{name}_{end}": metrics[name] + step for name in metrics
            for end, step in (("low", -0.1), ("high", 0.05))}  # fmt: skip
    pd.DataFrame([row]).to_csv(folder.parents[4] / "pooled.csv", index=False)
    return tmp_path / "exp"


def _card(experiment: Path) -> str:
    file = write_model_card(experiment)
    assert file == experiment / FILE
    return file.read_text(encoding="utf-8")


def test_known_values_appear_and_nothing_is_unfilled(experiment):
    card = _card(experiment)
    for known in (
        "# Model card: exp", "resnet18, side", "0.850 0.750–0.900", "0.913 0.813–0.963",
        "10 damaged and 10 intact packages", "data.split_seed=7", "val/loss 0.321",
        "train 70%", "2 packages were not found", f"{RUN}/checkpoints/best.ckpt",
        "Python 3.12.1 on cpu: torch 9.8.7; commit c0ffee with uncommitted changes",
        "abababababababab", "76% to 99%",
    ):  # fmt: skip
        assert known in card
    assert "scripts/decide.py run=" in card
    assert "scripts/explain.py run=" in card
    assert not UNFILLED.search(card)


def test_the_decision_is_told(experiment):
    label = np.arange(200) % 2 == 1
    score = np.where(label, 0.9, 0.1) + np.random.default_rng(0).normal(0, 0.05, 200).clip(
        -0.1, 0.1
    )
    decision = fit_decision(
        score, label, kind=Kind.COSTS, share=0.02, runs={"side": (RUN,)}, cameras=("side",),
        fusion=None, costs=Costs(50, 1), resamples=50,
    )  # fmt: skip
    write_decision(decision, experiment)
    card = _card(experiment)
    assert f"{RUN} serves." in card
    assert "of which 20 are damaged" in card
    assert "100 intact, 100 damaged" in card
    assert f"{decision.reject_from:.4g}" in card
    assert "No decision was fitted" not in card
    assert not UNFILLED.search(card)


@pytest.mark.parametrize(
    ("jobs", "commands"),
    [
        ([["seed=1", "data.fold=0"], ["seed=1", "data.fold=1"]], ["-m seed=1 data.fold=0,1"]),
        ([["name=a b"]], ["'name=a b'"]),
        ([["seed=1", "model=a"], ["seed=2", "model=b"]], ["seed=1 model=a", "seed=2 model=b"]),
    ],
)
def test_what_was_typed_is_one_sweep_where_it_was_one(experiment, jobs, commands):
    write_json(experiment / "jobs.json", [{"overrides": job} for job in jobs])
    card = _card(experiment)
    found = [line for line in card.splitlines() if line.startswith("python scripts/train.py")]
    assert found == [f"python scripts/train.py {command}" for command in commands]


def test_the_measures_of_maps_are_told(experiment):
    row = {"data": "sample", "perspective": "side", "backbone": "resnet18", "crop": "auto",
           "recipe": "", "precision": "fp32", "weights": "bundled", "variant": "123456", "seed": 0,
           "method": "Occlusion", "outcome": "damaged", "measure": "belt_share", "mean": 0.25,
           "low": 0.2, "high": 0.3, "area": 0.4}  # fmt: skip
    pd.DataFrame([row]).to_csv(experiment / "attributions.csv", index=False)
    card = _card(experiment)
    assert "0.25 0.20–0.30 (0.40)" in card
    assert not UNFILLED.search(card)


@pytest.mark.parametrize("place", ["jobs.json", "decision.json", f"{RUN}/environment.json"])
@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"versions": 3}', '{"format": 1}'])
def test_a_damaged_file_is_told_and_left_out(experiment, capsys, place, content):
    (experiment / place).write_text(content)
    card = _card(experiment)
    assert Path(place).name in "".join(capsys.readouterr().err.split())
    assert not UNFILLED.search(card)


def test_models_zip_has_the_card(experiment):
    with zipfile.ZipFile(pack_models(experiment)) as archive:
        assert "# Model card: exp" in archive.read(FILE).decode()


def test_an_experiment_without_results_has_no_card(tmp_path):
    assert write_model_card(tmp_path) is None
