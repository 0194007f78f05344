"""Mistakes as their user meets them: exit code 2, one sentence, nothing made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("stage", "words", "sentence"),
    [
        ("train", ["data.batch_size=0"], "data.batch_size=0 is not allowed; use "),
        ("train", ["optimizer.lr="], "optimizer.lr= is empty; use a number above 0"),
        ("train", ["+optimizr.lr=1"], "optimizr.lr is unknown; do you mean optimizer.lr?"),
        ("train", ["+model.in_chans=1"], "model.in_chans is unknown; model has architecture"),
        ("train", ["+optimizer.lrr=1"], "optimizer.lrr is no argument of torch.optim.AdamW; "),
        ("train", ["+trainer.resume=1"], "trainer.resume is no argument of lightning.pytorch.Tr"),
        ("train", ["data.source="], "data.source= is empty; use a folder or a zip of images"),
        ("train", ["perspective=null"], "perspective=null is not allowed; the choices are both"),
        ("train", ["monitor=val/acc"], "monitor=val/acc is not allowed; use one of val/loss"),
        ("train", ["experiment=search"], "experiment=search searches over many runs; start it"),
        ("train", ["-m", "experiment=demo_scratch,search"], "experiment=demo_scratch,search sw"),
        ("train", ["name='${nope}'"], "name=${nope} refers to what is not there"),
        ("train", ["hydra.job.nam=3"], "hydra.job.nam is unknown; do you mean hydra.job.name?"),
        ("prepare", ["data.folds=1"], "data.folds=1 is not allowed; use a whole number "),
        ("predict", ["run=r", "source=", "output=o"], "source= is empty; use images: a folder"),
        ("predict", ["run=r", "source=s", "output=o", "batch_size=0"], "batch_size=0 is not "),
        ("evaluate", ["run=w/epoch=0-step=1.ckpt"], "the checkpoint w/epoch=0-step=1.ckpt "),
        ("evaluate", ["run=1"], "1 does not exist"),
        ("report", ["name=1.10"], "outputs/1.10"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_made(script, tmp_path, capfd, stage, words, sentence):
    assert script(stage, *words, cwd=tmp_path) == 2
    out, said = capfd.readouterr()
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert sentence in said
    assert "Traceback" not in said + out
    assert "To append" not in said
    assert [*tmp_path.rglob("*")] == []


def test_the_jobs_of_a_sweep_are_checked_one_by_one(script, tmp_path, capfd):
    sweep = ["-m", "monitor=val/acc", "seed=0,1", "name=sweep"]
    assert script("train", *sweep, cwd=tmp_path) == 1
    jobs = json.loads((tmp_path / "outputs/sweep/jobs.json").read_text())
    assert [(job["ending"], job["overrides"][1]) for job in jobs] == [
        ("failed", "seed=0"), ("failed", "seed=1"),
    ]  # fmt: skip
    assert all(job["error"].startswith("monitor=val/acc is not allowed; ") for job in jobs)
    assert "Traceback" not in "".join(capfd.readouterr())
    assert not (tmp_path / "outputs/data").exists()


def test_a_key_of_one_of_a_sweeps_choices_fails_the_others_alone(script, tmp_path):
    """What is right is not trained here: its images are not there."""
    sweep = ["-m", "optimizer=adamw,sgd", "optimizer.momentum=0.8", "name=m", "data.source=nowhere"]
    assert script("train", *sweep, cwd=tmp_path) == 1
    jobs = json.loads((tmp_path / "outputs/m/jobs.json").read_text())
    assert [job["error"] for job in jobs] == [
        "optimizer.momentum is no argument of torch.optim.AdamW; it belongs to optimizer=sgd.",
        "nowhere does not exist; give a folder or a zip archive.",
    ]
    assert jobs[0]["overrides"][1] == "optimizer.momentum=0.8"


@pytest.mark.parametrize("name", ["a/b,c", ".x,c", "'',c"])
def test_a_sweep_over_wrong_names_leaves_its_journal_in_a_folder_like_them(script, tmp_path, name):
    sweep = ["-m", f"name={name}", "data.source=nowhere"]
    assert script("train", *sweep, cwd=tmp_path) == 1
    assert len([*(tmp_path / "outputs").rglob("jobs.json")]) == 2
    assert [*(tmp_path / "outputs/a").rglob("jobs.json")] == []


def test_other_stages_sweep_too(script, tmp_path):
    assert script("evaluate", "run=nowhere", "split=val,exam", "-m", cwd=tmp_path) == 1


def test_help_is_help_whatever_stands_beside_it(script, tmp_path, capfd):
    assert script("prepare", "data.name=1.10", "--help", cwd=tmp_path) == 0
    assert "name: '1.10'" in capfd.readouterr().out
    assert script("train", "--help", "modl=resnet", cwd=tmp_path) == 2
    assert "do you mean model?" in capfd.readouterr().err


def test_a_mistake_needs_no_torch_to_be_told(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['train.py', 'data.batch_size=0']\n"
        f"try: runpy.run_path({str(ROOT / 'scripts/train.py')!r}, run_name='__main__')\n"
        "except SystemExit as stop: print(stop.code)\n"
        "print([name for name in ('torch', 'lightning', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["2", "[]"]


def test_help_needs_no_schema(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['train.py', '--help']\n"
        f"runpy.run_path({str(ROOT / 'scripts/train.py')!r}, run_name='__main__')\n"
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
