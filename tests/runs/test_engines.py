"""What several processes make of a sweep is what one process makes of it."""

import optuna
import pandas as pd
import pytest

from packsight.system.files import read_json

pytestmark = pytest.mark.sweeps


def test_two_processes_share_a_sweep_and_train_no_run_twice(plant, start, undisturbed, same, sweep):
    folder = plant("shared")
    raw = "data.source=photos.zip"  # so that they want to prepare it at once
    processes = [start(folder, [*sweep, raw]) for _ in range(2)]
    for process in processes:
        process.join(timeout=300)
    assert [process.exitcode for process in processes] == [0, 0]
    assert same(folder, undisturbed)
    for file in folder.glob("outputs/exp/**/status.json"):
        # tensorboard names its files events.out.tfevents.<time>.<host>.<process>.<number>
        events = (file.parent / "tensorboard").glob("events*")
        assert len({event.name.split(".")[-2] for event in events}) == 1
        assert read_json(file)["resumed"] == 0


@pytest.mark.parametrize(
    ("launcher", "options"),
    [
        ("joblib", ["hydra.launcher.n_jobs=2"]),
        ("slurm_local", []),
        ("ray", ["hydra.launcher.ray.remote.num_cpus=1"]),
    ],
)
def test_a_launcher_trains_side_by_side_what_a_sweep_trains_in_turn(
    plant, ended, undisturbed, same, sweep, launcher, options
):
    folder = plant(launcher)
    assert ended(folder, [*sweep, f"hydra/launcher={launcher}", *options]) == 0
    assert same(folder, undisturbed)


def test_a_job_that_fails_in_another_process_is_told_and_stops_no_other(plant, ended, small):
    folder = plant("failing")
    command = ["-m", "name=exp", *small, "optimizer.weight_decay=0.01,1e38", "trainer.max_epochs=1",
               "trainer.gradient_clip_val=null",
               "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]  # fmt: skip
    assert ended(folder, command) == 1
    jobs = read_json(folder / "outputs/exp/jobs.json")
    assert [job["ending"] for job in jobs] == ["done", "failed"]
    assert "loss of epoch 0 is" in jobs[1]["traceback"]
    assert "optimizer.lr" in jobs[1]["error"]
    states = {read_json(file)["state"] for file in folder.glob("outputs/exp/**/status.json")}
    assert states == {"done", "failed"}


@pytest.mark.parametrize("mode", [[], ["-m"], ["data.on_device=true"]])
def test_ddp_trains_one_model_in_two_processes_and_leaves_one_run(plant, ended, small, mode):
    folder = plant("ddp")
    command = [*mode, "name=exp", *small, "trainer=ddp", "trainer.accelerator=cpu"]
    assert ended(folder, command) == 0
    [file] = folder.glob("outputs/exp/**/status.json")
    assert read_json(file)["state"] == "done"
    assert pd.read_csv(file.parent / "history.csv")["epoch"].tolist() == [0, 1, 2]
    assert {path.name for path in (file.parent / "checkpoints").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
    }


def test_a_search_goes_on_to_its_number_of_trials(plant, ended, small):
    folder = plant("search")
    space = "hydra.sweeper.params={optimizer.lr:'interval(0.001,0.01)'}"
    search = ["-m", "experiment=search", "perspective=side", space]
    command = [*search, *small, "crop=auto", "trainer.max_epochs=1"]
    assert ended(folder, [*command, "hydra.sweeper.n_trials=2"]) == 0
    assert len(list(folder.glob("outputs/search_side/**/status.json"))) == 2
    assert ended(folder, [*command, "hydra.sweeper.n_trials=3"]) == 0
    assert len(list(folder.glob("outputs/search_side/**/status.json"))) == 3
    study = optuna.load_study(
        study_name=None, storage=f"sqlite:///{folder}/outputs/search_side/study.db"
    )
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
