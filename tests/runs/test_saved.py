from pathlib import Path

import pytest
from complete_config import complete_yaml

from packsight.errors import UserError
from packsight.runs.saved import find_runs


@pytest.fixture
def experiment(tmp_path) -> Path:
    """A run on side images with a model, and one on top images that failed before it had any."""
    for camera in ("side", "top"):
        run = tmp_path / "exp" / camera / "split_seed0"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(complete_yaml({}))
    model = tmp_path / "exp/side/split_seed0/checkpoints/best.ckpt"
    model.parent.mkdir()
    model.write_text("")
    return tmp_path / "exp"


def test_a_failed_run_does_not_hide_the_others(experiment):
    with find_runs(experiment, "*", 1000) as runs:
        assert [run.name for run in runs] == ["side/split_seed0"]


def test_a_run_without_a_model_that_is_asked_for_is_refused(experiment):
    with (
        pytest.raises(UserError, match=r"no checkpoints/best\.ckpt"),
        find_runs(experiment, "top/*", 1000),
    ):
        pass


def test_a_damaged_run_is_named_and_does_not_hide_the_others(experiment, capsys):
    other = experiment / "both" / "split_seed0" / "checkpoints" / "best.ckpt"
    other.parent.mkdir(parents=True)
    other.write_text("")
    (other.parents[1] / "config.yaml").write_text("\t")
    with find_runs(experiment, "*", 1000) as runs:
        assert [run.name for run in runs] == ["side/split_seed0"]
    assert "both/split_seed0/config.yaml" in capsys.readouterr().err.replace("\n", "")
    with pytest.raises(UserError, match=r"config\.yaml"), find_runs(experiment, "both/*", 1000):
        pass
