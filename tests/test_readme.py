"""The README's commands run, in the README's order, on small data."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^!?python scripts/(\w+)\.py(.*)$", README + SPEED, re.MULTILINE)
SMALL = {
    "prepare": ["data.sample.packages=20"],
    "train": [
        "data.sample.packages=20",
        "model.weights=none",
        "finetune=scratch",
        "data.image_size=32",
        "trainer.max_epochs=1",
    ],
    "evaluate": [],
    "explain": ["explainer.steps=8", "explainer.max_steps=8", "measured=4"],
    "decide": [],
    "predict": ["overwrite=true", "explainer.max_steps=16"],
    "export": ["overwrite=true", "agreement=0"],
    "report": [],
    "doctor": [],
    "benchmark": ["sections=[data]", "packages=8", "image_size=32", "repetitions=1"],
}

# Fewer values of an axis run the same way as many; each has several in one of the commands.
MANY = "model=resnet,efficientnet,mobilenet perspective=top,side precision=fp32,bf16"
SHORTER = {
    "data.fold=0,1,2,3,4": "data.fold=0,1 model.backbone=test_resnet",
    f"name=line7 {MANY}": "name=line7 model=mobilenet perspective=top,side precision=bf16",
    # The camera at the side has its model from the command before.
    MANY: "model=resnet,mobilenet perspective=top precision=fp32,bf16",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, sample) -> Path:
    """A folder with what the README's commands expect to find there."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(sample, folder / "raw-data.zip")
    shutil.copytree(sample.parent / "raw" / "damaged", folder / "photos")
    return folder


def test_every_script_is_in_the_tour():
    assert {name for name, _ in COMMANDS} == set(SMALL)


def test_the_commands_run_in_order(workspace, script):
    assert sum(MANY in rest for _, rest in COMMANDS) == 2
    for name, rest in COMMANDS:
        for long, short in SHORTER.items():
            rest = rest.replace(long, short)
        arguments = shlex.split(rest, comments=True)
        # The notebook's archives are what earlier commands made.
        if "data.source=data.zip" in arguments:
            shutil.copy(workspace / "outputs/data/sample.zip", workspace / "data.zip")
        if "run=models.zip" in arguments:
            shutil.copy(workspace / "outputs/line7/models.zip", workspace / "models.zip")
        assert script(name, *arguments, *SMALL[name], cwd=workspace) == 0, (name, rest)
    leaderboard = pd.read_csv(workspace / "outputs/runs/leaderboard.csv")
    assert len(leaderboard) >= 5
    assert (leaderboard["state"] == "done").all()
    for file in ("outputs/runs/report.html", "outputs/runs/models.zip", "results/verdicts.csv"):
        assert (workspace / file).stat().st_size > 0
    assert list((workspace / "outputs/runs").rglob("explanations/contact_sheet.png"))


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets
