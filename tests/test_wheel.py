"""The wheel works where there is no checkout: the command, its configurations, a first stage."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which the wheel is installed; the checkout that it was built from is gone."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    for name in ("src", "configs"):
        shutil.copytree(ROOT / name, checkout / name)
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, checkout)
    subprocess.run([*PIP, *build], check=True)
    [wheel] = folder.glob("*.whl")
    install = ("install", "--no-deps", "--no-index", "--target", folder / "site", wheel)
    subprocess.run([*PIP, *install], check=True)
    shutil.rmtree(checkout)
    return folder / "site"


@pytest.fixture
def run(site, tmp_path) -> Callable[..., str]:
    """Run a command of the installed package in an empty folder; gives what it printed."""

    def printed(*command: str) -> str:
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(site)},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    return printed


def test_the_package_holds_all_that_the_checkout_has(site):
    def files(folder: Path) -> set[str]:
        return {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    configs = files(ROOT / "configs")
    assert files(site / "packsight" / "configs") == configs
    code = files(ROOT / "src" / "packsight") | {f"configs/{name}" for name in configs}
    assert files(site / "packsight") == code


def test_the_command_prepares_data_with_its_own_configurations(site, run, tmp_path):
    packsight = str(site / "bin" / "packsight")
    show = "import packsight.cli as cli; print(cli.__file__, cli.CONFIGS)"
    assert run(sys.executable, "-c", show).split() == [
        str(site / "packsight" / "cli.py"),
        str(site / "packsight" / "configs"),
    ]
    assert "packsight prepare" in run(packsight, "--help")
    assert "packsight train perspective=pair" in " ".join(run(packsight, "train", "--help").split())
    run(packsight, "prepare", "data.sample.packages=10")
    assert (tmp_path / "outputs" / "data" / "sample" / "manifest.csv").is_file()
    assert (tmp_path / "outputs" / "data" / "sample.zip").is_file()
