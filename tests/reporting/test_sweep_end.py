import zipfile
from pathlib import Path

import pytest

from packsight.errors import UserError
from packsight.reporting.sweep_end import finish, pack_models
from packsight.runs.journal import Ending, Journal, Outcome
from packsight.system.console import console
from packsight.system.files import read_json


@pytest.fixture
def experiment(tmp_path) -> Path:
    """One run with a model, one that failed before it had any."""
    good = tmp_path / "exp/sample/resnet18/side/fp32/split_seed0"
    for name in ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/a.png"):
        (good / name).parent.mkdir(parents=True, exist_ok=True)
        (good / name).write_text(name)
    bad = tmp_path / "exp/sample/resnet18/top/fp32/split_seed0"
    bad.mkdir(parents=True)
    (bad / "config.yaml").write_text("")
    return tmp_path / "exp"


def test_models_zip_holds_what_another_machine_needs_and_no_more(experiment):
    with zipfile.ZipFile(pack_models(experiment)) as archive:
        names = set(archive.namelist())
    run = "sample/resnet18/side/fp32/split_seed0"
    assert names == {f"{run}/config.yaml", f"{run}/checkpoints/best.ckpt"}


def test_an_experiment_without_models_is_refused(tmp_path):
    with pytest.raises(UserError, match="no trained run"):
        pack_models(tmp_path)


def test_the_end_of_a_sweep_names_what_tells_its_jobs_apart(capsys, tmp_path):
    jobs = [
        Outcome(0, ["seed=0", "model=a"], str(tmp_path)),
        Outcome(1, ["seed=0", "model=b"], str(tmp_path), Ending.FAILED, "out of memory", "Trace"),
    ]
    finish("train", jobs)
    printed = capsys.readouterr().out
    kept = read_json(tmp_path / "jobs.json")
    assert [job["ending"] for job in kept] == ["done", "failed"]
    assert kept[1]["traceback"] == "Trace"
    assert "model=a" in printed
    assert "failed" in printed
    assert "out of memory" in printed
    assert "seed=0" not in printed


def test_in_80_columns_no_override_of_a_job_is_broken(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(console, "width", 80)
    overrides = [
        [f"model.backbone={name}", f"perspective={camera}", "precision=bf16_true", "data.fold=4"]
        for name in ("tf_efficientnet_lite0", "vit_tiny_patch16_224")
        for camera in ("top", "side")
    ]
    failed = Outcome(3, overrides[3], str(tmp_path), Ending.FAILED, "out of memory " * 20)
    finish("train", [*(Outcome(n, overrides[n], str(tmp_path)) for n in range(3)), failed])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    words = [word for line in lines for word in line.split()]
    assert {word for job in overrides for word in job[:2]} <= set(words)
    assert words.count("memory") == 20


def test_a_journal_gathers_what_jobs_wrote_in_their_order(tmp_path):
    for number in (10, 2):
        Journal(tmp_path, "one").write(Outcome(number, ["a=1"], "exp", Ending.SKIPPED))
    Journal(tmp_path, "another").write(Outcome(0, [], "exp"))
    journal = Journal(tmp_path, "one")
    assert [(outcome.number, outcome.ending) for outcome in journal.read()] == [
        (2, Ending.SKIPPED),
        (10, Ending.SKIPPED),
    ]
    journal.close()
    assert journal.read() == []
