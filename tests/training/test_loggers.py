"""Loggers: several at once, each with the whole run and nothing twice, refused before any work."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from packsight.system.files import read_json
from packsight.training.classifier import Classifier

SMALL = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch", "crop=none",
         "data.image_size=32", "data.batch_size=4", "data.num_workers=0", "trainer=cpu",
         "trainer.max_epochs=2"]  # fmt: skip


@pytest.fixture(scope="module")
def train(prepared, script, tmp_path_factory):
    """Train, killed before a step where `stop` names one; returns the run's folder."""
    plant = tmp_path_factory.mktemp("plant")

    def run(name: str, loggers: str, stop: int | None = None) -> Path:
        arguments = [f"data.source={prepared}", f"name={name}", f"logger={loggers}", *SMALL]
        with pytest.MonkeyPatch.context() as patch:
            if stop is not None:
                patch.setattr(Classifier, "training_step", stopped(stop))
            assert script("train", *arguments, cwd=plant) == (0 if stop is None else 130)
        [status] = (plant / "outputs" / name).rglob("status.json")
        return status.parent

    return run


def stopped(step: int):
    """A training step that from the given one on is an interruption."""
    real = Classifier.training_step

    def call(self, batch):
        if self.global_step >= step:
            raise KeyboardInterrupt
        return real(self, batch)

    return call


def test_several_at_once_get_metrics_settings_and_results(train):
    run = train("whole", "[tensorboard,csv]")
    shown = EventAccumulator(str(run / "tensorboard"))
    shown.Reload()
    table = pd.read_csv(run / "csv" / "metrics.csv")
    losses = [event.value for event in shown.Scalars("val/loss")]
    assert table["val/loss"].dropna().tolist() == pytest.approx(losses)
    assert len(losses) == 2
    assert "train/images" in shown.Tags()["images"]
    accuracy = read_json(run / "metrics.json")["test"]["all"]["accuracy"]
    assert table["test/accuracy"].dropna().tolist() == [accuracy]
    assert [event.value for event in shown.Scalars("test/accuracy")] == pytest.approx([accuracy])
    settings = yaml.safe_load((run / "csv" / "hparams.yaml").read_text())
    assert settings["backbone"] == "test_resnet"
    assert not (run / "logger_ids.json").exists()


def test_a_csv_of_a_run_that_went_on_is_that_of_one_that_was_never_interrupted(train):
    file = train("whole", "[tensorboard,csv]") / "csv" / "metrics.csv"
    whole = file.read_text()
    assert len(whole.splitlines()) == 6  # a head, two rows an epoch, and the results
    train("cut", "csv", stop=4)  # in the second epoch
    assert (train("cut", "csv") / "csv" / "metrics.csv").read_text() == whole
    status = file.parents[1] / "status.json"  # killed when all was logged
    status.write_text(status.read_text().replace('"done"', '"running"'))
    train("whole", "[tensorboard,csv]")
    assert file.read_text() == whole


def test_none_leaves_nothing_but_what_every_run_has(train):
    run = train("none", "none")
    assert {"tensorboard", "csv", "mlflow", "wandb"}.isdisjoint(f.name for f in run.iterdir())
    assert (run / "history.csv").is_file()


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_a_missing_package_is_told_before_anything_is_prepared(
    script, tmp_path, capfd, monkeypatch, package
):
    monkeypatch.setitem(sys.modules, package, None)
    assert script("train", f"logger=[csv,{package}]", *SMALL, cwd=tmp_path) == 2
    wanted = f"logger={package} needs the package {package}: pip install 'packsight[{package}]'."
    assert capfd.readouterr().err == f"error: {wanted}\n"
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_mlflow_has_one_run_of_a_run_that_went_on(train):
    mlflow = pytest.importorskip("mlflow")
    train("mlflow", "mlflow", stop=4)
    run = train("mlflow", "mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{run.parents[5]}/mlflow/mlflow.db")
    [known] = client.search_runs([client.get_experiment_by_name("mlflow").experiment_id])
    assert known.info.run_id == read_json(run / "logger_ids.json")["mlflow"]
    assert known.info.status == "FINISHED"
    assert known.data.params["backbone"] == "test_resnet"
    accuracy = read_json(run / "metrics.json")["test"]["all"]["accuracy"]
    assert known.data.metrics["test/accuracy"] == accuracy
    steps = [metric.step for metric in client.get_metric_history(known.info.run_id, "val/loss")]
    assert steps == sorted(set(steps))
    assert len(steps) == 2


def test_wandb_has_a_run_for_each_of_a_process(train):
    pytest.importorskip("wandb")
    first, other = train("one", "wandb"), train("other", "wandb")
    train("cut_wandb", "wandb", stop=4)
    again = train("cut_wandb", "wandb")
    ids = {}
    for run in (first, other, again):
        ids[run] = read_json(run / "logger_ids.json")["wandb"]
        assert list((run / "wandb").glob(f"offline-run-*-{ids[run]}"))
    assert len(set(ids.values())) == 3
    assert len(list((again / "wandb").glob("offline-run-*"))) == 2
