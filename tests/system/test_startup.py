"""A command that does no work imports nothing heavy: seconds, kept as a set of modules."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
HEAVY = {"torch", "timm", "lightning", "torchmetrics", "sklearn", "matplotlib", "captum",
         "albumentations"}  # fmt: skip
RUN = """
import runpy, sys
script, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_path(script, run_name="__main__")
    code = 0
except SystemExit as stop:
    code = stop.code or 0
print("imported:", *{name.partition(".")[0] for name in sys.modules})
sys.exit(code)
"""


def imported(folder: Path, script: str, *arguments: str) -> tuple[int, set[str], str]:
    """Exit code, names of imported packages, and all that was printed."""
    command = [sys.executable, "-c", RUN, str(SCRIPTS / f"{script}.py"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    shown, _, names = done.stdout.rpartition("imported:")
    return done.returncode, set(names.split()), shown + done.stderr


@pytest.mark.parametrize("script", sorted(file.stem for file in SCRIPTS.glob("*.py")))
def test_help_teaches_and_imports_nothing_heavy(tmp_path, script):
    code, modules, shown = imported(tmp_path, script, "--help")
    assert code == 0
    assert "Examples" in shown
    assert f"python scripts/{script}.py" in shown
    assert not modules & (HEAVY | {"pandas", "cv2"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "model=unknown"),
        ("train", "data.batch=3"),
        ("train", "data.source=nowhere.zip"),
        ("evaluate", "run=nowhere"),
        ("explain", "run=nowhere"),
        ("predict", "run=nowhere", "source=x", "output=y"),
        ("report", "name=nowhere"),
        ("benchmark", "sections=[speed]"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_before_anything_heavy_is_imported(tmp_path, arguments):
    code, modules, shown = imported(tmp_path, *arguments)
    assert code == 2, shown
    assert "error:" in shown
    assert not modules & HEAVY


def test_an_unknown_backbone_is_told_with_timm_alone(tmp_path):
    code, modules, shown = imported(tmp_path, "train", "model.backbone=mobilnetv2")
    assert code == 2
    assert "mobilenetv2_100" in shown
    assert "timm" in modules
    assert not modules & {"lightning", "torchmetrics", "sklearn", "matplotlib"}


def test_help_shows_choices_and_what_overrides_change(tmp_path):
    *_, shown = imported(tmp_path, "train", "--help")
    assert "model: convnext, efficientnet," in shown
    *_, shown = imported(tmp_path, "benchmark", "--help", "epochs=7")
    assert "epochs: 7" in shown


TRAINING = """
import sys
from packsight.system.startup import start_quickly
start_quickly()
import packsight.evaluation.scoring, packsight.training.tensorboard, packsight.training.fit
print(*{"scipy.stats", "sklearn"} & set(sys.modules))
import scipy.signal
from scipy.signal import windows
import scipy.signal.windows as same
assert windows is same
print(scipy.signal.convolve([1, 2], [1, 1]).tolist(), "scipy.stats" in sys.modules)
"""


def test_training_imports_no_scipy_and_who_asks_for_it_gets_it():
    command = [sys.executable, "-W", "ignore", "-c", TRAINING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "[1, 3, 2] True"]
