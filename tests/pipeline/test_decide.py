"""From the validation predictions of an experiment to its decision.json."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml

from packsight.configuration.check import checked
from packsight.decision.rule import Decision, read_decision
from packsight.errors import UserError
from packsight.pipeline.decide import decide

FOLDS, PACKAGES = 3, 180
SERIALS = np.array([f"{number:013d}" for number in range(PACKAGES)])
DAMAGED = np.arange(PACKAGES) % 2 == 1


def write_fold(
    experiment: Path, backbone: str, perspective: str, fold: int, *, spread: float, data: str = "d"
) -> Path:
    """A run that scores the packages of its validation part, worse the wider its `spread`.

    Its test packages are all scored the wrong way, which no decision may notice.
    """
    folder = experiment / f"{data}/{backbone}/{perspective}/fp32/fold{fold}_seed0"
    folder.mkdir(parents=True)
    config = {
        "monitor": "val/loss",
        "monitor_mode": "min",
        "seed": 0,
        "data": {"name": data, "fold": fold},
        "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "bundled"},
        "precision": {"name": "fp32"},
        "crop": {"name": "none"},
    }
    (folder / "config.yaml").write_text(complete_yaml(config))
    (folder / "status.json").write_text(json.dumps({"state": "done", "seconds": 10}))
    (folder / "metrics.json").write_text(json.dumps({"val": {"all": {}}, "test": {"all": {}}}))
    rng = np.random.default_rng(len(backbone + perspective) + fold)
    tables = []
    for camera in ["top", "side"] if perspective == "both" else [perspective]:
        evidence = 4.0 * DAMAGED - 2 + spread * rng.normal(size=PACKAGES)
        part = np.arange(PACKAGES) // 2 % FOLDS
        evidence = np.where(part == fold, np.where(DAMAGED, -5, 5), evidence)
        held_out = [part == fold, part == (fold + 1) % FOLDS]
        table = pd.DataFrame(
            {
                "serial": SERIALS,
                "perspective": camera,
                "label": np.where(DAMAGED, "damaged", "intact"),
                "probability": 1 / (1 + np.exp(-evidence)),
                "split": np.select(held_out, ["test", "val"], "train"),
            }
        )
        tables.append(table)
    pd.concat(tables).to_csv(folder / "predictions.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on each camera, the good one of the two a fair one; and one for both."""
    folder = tmp_path_factory.mktemp("outputs") / "cv"
    for fold in range(FOLDS):
        for camera in ("top", "side"):
            write_fold(folder, "poor", camera, fold, spread=6)
            write_fold(folder, "good", camera, fold, spread=1.7)
        write_fold(folder, "shared", "both", fold, spread=4)
    return folder


def decided(config, run: Path, output: Path, *overrides: str) -> Decision:
    given = (f"run='{run}'", f"output='{output}'", *overrides)
    return read_decision(decide(checked(config("decide", *given), "decide")))


def test_the_best_pair_serves_by_its_validation_packages(config, experiment, tmp_path, capsys):
    decision = decided(config, experiment, tmp_path)
    names = [f"fold{fold}_seed0" for fold in range(FOLDS)]
    assert decision.runs == {
        camera: tuple(f"d/good/{camera}/fp32/{name}" for name in names)
        for camera in ("top", "side")
    }
    assert decision.cameras == ("top", "side")
    assert decision.fusion is not None
    # Each package is validated once; the test packages, all wrong, would have doubled the numbers.
    assert decision.packages == {"intact": 90, "damaged": 90}
    assert 0 < decision.figures["cost"].value < 200
    shown = capsys.readouterr().out
    assert "good top fp32" in shown
    assert "mean of their scores" in " ".join(shown.split())
    assert "accept all" in shown


def test_one_camera_alone_decides_where_it_is_asked_to(config, experiment, tmp_path):
    decision = decided(config, experiment, tmp_path, "member='*/top/*'")
    assert list(decision.runs) == ["top"]
    assert decision.fusion is None
    assert decision.decide([0.999], cameras=["side"]).reason.tolist() == ["missing_camera"]


def test_one_model_for_both_cameras_is_fused_over_them(config, experiment, tmp_path):
    decision = decided(config, experiment, tmp_path, "member='*/both/*'", "fusion=mean")
    assert decision.runs["top"] == decision.runs["side"]
    assert decision.fusion.kind == "mean"


def test_an_archive_gives_the_same_decision(config, experiment, tmp_path):
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as archive:
        for file in experiment.rglob("fold*/*"):
            archive.write(file, file.relative_to(experiment))
    beside = decide(checked(config("decide", f"run='{tmp_path / 'models.zip'}'"), "decide"))
    assert beside == tmp_path / "decision.json"
    assert read_decision(beside) == decided(config, experiment, tmp_path / "other")


def test_a_promise_is_kept_or_refused(config, experiment, tmp_path):
    decision = decided(config, experiment, tmp_path, "decision=promise")
    assert decision.promise.misses == 0.05
    assert decision.figures["missed_of_100_damaged"].value < 5
    with pytest.raises(UserError, match=r"takes 299 damaged .* there are 90"):
        decided(config, experiment, tmp_path, "decision=promise", "decision.promise.misses=0.01")


def test_thresholds_by_hand(config, experiment, tmp_path):
    ends = ["decision.thresholds.accept_below=0.2", "decision.thresholds.reject_from=0.7"]
    decision = decided(config, experiment, tmp_path, "decision=fixed", *ends)
    assert (decision.accept_below, decision.reject_from) == (0.2, 0.7)


def test_a_key_of_another_kind_is_refused(config):
    asked = config("decide", "run=r", "+decision.promise.misses=0.1")
    with pytest.raises(UserError, match="add decision=promise, or leave"):
        checked(asked, "decide")


def test_models_of_several_data_are_not_compared(config, tmp_path):
    for data in ("one", "two"):
        write_fold(tmp_path / "cv", "good", "top", 0, spread=1, data=data)
    with pytest.raises(UserError, match=r"one, two; choose .* member='one/\*'"):
        decided(config, tmp_path / "cv", tmp_path)


def test_runs_that_are_not_done_cannot_serve(config, tmp_path):
    folder = write_fold(tmp_path / "cv", "good", "top", 0, spread=1)
    (folder / "status.json").write_text(json.dumps({"state": "failed", "error": "x"}))
    with pytest.raises(UserError, match="no run here is done"):
        decided(config, tmp_path / "cv", tmp_path)


def test_models_travel_with_their_decision(config, experiment, tmp_path):
    from packsight.reporting.sweep_end import pack_models

    checkpoint = experiment / "d/good/top/fp32/fold0_seed0/checkpoints/best.ckpt"
    checkpoint.parent.mkdir()
    checkpoint.touch()
    decision = decided(config, experiment, experiment)
    with zipfile.ZipFile(pack_models(experiment)) as archive:
        archive.extract("decision.json", tmp_path)
    assert read_decision(tmp_path / "decision.json") == decision
