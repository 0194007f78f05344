"""Stages by their scripts and by the command; one that does no work imports nothing heavy."""

import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from packsight import __version__
from packsight.stages import STAGES, main, work
from packsight.system.resources import CONFIGS

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
HEAVY = {"torch", "timm", "lightning", "torchmetrics", "sklearn", "matplotlib", "captum"}
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


@pytest.fixture
def packsight(monkeypatch, capsys, tmp_path):
    """The command in this process: packsight("train", "--help") gives exit code and output."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["packsight", *arguments])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, "".join(capsys.readouterr())

    return run


def test_a_stage_has_a_script_and_a_configuration():
    assert {file.stem for file in SCRIPTS.glob("*.py")} == set(STAGES)
    assert {file.stem for file in CONFIGS.glob("*.yaml")} == set(STAGES)


def test_other_processes_import_a_stage_with_what_resolves_its_configuration():
    for stage in STAGES:
        assert pickle.loads(pickle.dumps(partial(work, stage))).args == (stage,)
    code = """if True:
        import pickle, sys
        pickle.loads(bytes.fromhex(sys.argv[1]))
        from omegaconf import OmegaConf
        print(all(map(OmegaConf.has_resolver, ["stem", "batch_size", "jobs_at_once"])))
    """
    pickled = pickle.dumps(partial(work, "prepare")).hex()
    run = [sys.executable, "-c", code, pickled]
    assert subprocess.run(run, capture_output=True, check=True).stdout == b"True\n"


@pytest.mark.parametrize("script", sorted(STAGES))
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
        ("decide", "run=nowhere"),
        ("export", "run=nowhere", "output=y"),
        ("report", "name=nowhere"),
        ("benchmark", "sections=[speed]"),
        ("doctor", "fix=perhaps"),
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


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_the_command_lists_its_stages(packsight, arguments):
    code, shown = packsight(*arguments)
    assert code == 0
    for name, does in STAGES.items():
        [line] = [line for line in shown.splitlines() if line.startswith(f"  packsight {name} ")]
        assert does in line
        assert len(line) <= 80


def test_the_command_tells_its_version(packsight):
    assert packsight("--version") == (0, f"packsight {__version__}\n")


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [("tarin", "did you mean train?"), ("reports", "did you mean report?"),
     ("xyz", "use one of prepare, train,"), ("-m", "use one of prepare, train,")],
)  # fmt: skip
def test_a_stage_that_is_none_is_told_with_the_nearest(packsight, typed, remedy):
    code, shown = packsight(typed, "perspective=side")
    assert code == 2
    assert f"error: {typed} is no stage; {remedy}" in shown


def test_a_stage_of_the_command_speaks_of_itself(packsight):
    for stage in STAGES:
        code, shown = packsight(stage, "--help")
        assert code == 0
        assert f"  packsight {stage} " in shown
        assert "scripts/" not in shown
    code, shown = packsight("report", "name=nowhere")
    assert code == 2
    assert "train one with `packsight train name=nowhere`" in shown


def test_any_stage_can_be_swept_over(packsight, tmp_path, sample):
    code, shown = packsight("prepare", "-m", f"data.source={sample}", "data.name=one")
    assert code == 0, shown
    assert (tmp_path / "outputs/data/one/manifest.csv").is_file()


def test_the_package_runs_as_a_module(tmp_path):
    run = [sys.executable, "-m", "packsight", "prepare", "data.source=nowhere"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere does not exist" in done.stderr
