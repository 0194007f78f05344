"""Which model Python gets: the decision's, or the best on validation packages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from complete_config import complete_yaml
from decisions import BAND

from packsight.decision.rule import write_decision
from packsight.deployment import selection
from packsight.errors import UserError


@pytest.fixture
def load(monkeypatch):
    """The name of the run that would be loaded."""
    monkeypatch.setattr(selection.Predictor, "from_run", lambda run, device: run.name)
    return selection.load_predictor


@pytest.fixture
def experiment(tmp_path) -> Path:
    """Two runs of the top camera and two of the side, the second of each better on validation."""
    for camera in ("top", "side"):
        for fold, loss in ((0, 0.5), (1, 0.4)):
            folder = tmp_path / "exp" / camera / str(fold)
            (folder / "checkpoints").mkdir(parents=True)
            (folder / "checkpoints" / "best.ckpt").touch()
            config = {"perspective": {"name": camera, "cameras": [camera]}, "data": {"fold": fold}}
            (folder / "config.yaml").write_text(complete_yaml(config))
            figures = {"all": {"loss": loss}}
            (folder / "metrics.json").write_text(json.dumps({"val": figures, "test": figures}))
    return tmp_path / "exp"


def decide(experiment: Path, **runs: tuple[str, ...]) -> None:
    fused = BAND.fusion if len(runs) > 1 else None
    write_decision(replace(BAND, runs=runs, cameras=(*runs,), fusion=fused), experiment)


def test_without_a_decision_validation_prefers(load, experiment):
    assert load(experiment, "top") == "top/1"
    with pytest.raises(UserError, match="models for top and side; choose one with camera="):
        load(experiment)


def test_the_decisions_model_serves_though_another_is_better(load, experiment):
    decide(experiment, top=("top/0",), side=("side/1",))
    assert load(experiment, "top") == "top/0"
    assert load(experiment, "side") == "side/1"
    assert load(experiment, "top", decision="none") == "top/1"
    with pytest.raises(UserError, match="choose one with camera="):
        load(experiment)


def test_a_decision_about_one_camera_needs_no_choice(load, experiment):
    decide(experiment, top=("top/0",))
    assert load(experiment) == "top/0"
    with pytest.raises(UserError, match="has models for top"):
        load(experiment, "side")


def test_of_a_mean_of_folds_the_best_is_given_and_told(load, experiment, capsys):
    decide(experiment, top=("top/0", "top/1"))
    assert load(experiment) == "top/1"
    assert "of the 2 models whose mean decides, top/1, the best" in capsys.readouterr().out
