"""The file on a machine that has what it asks for, and no more."""

import subprocess
import sys
import venv
from io import StringIO

import pandas as pd
import pytest
from untrained import agree


@pytest.mark.sweeps
def test_what_it_asks_for_is_enough(plant, photos, predicted, tmp_path):
    asked = subprocess.run(
        [sys.executable, plant / "line.pyz", "--requirements"], capture_output=True, check=True
    )
    (tmp_path / "requirements.txt").write_bytes(asked.stdout)
    venv.create(tmp_path / "line", with_pip=True)
    python = tmp_path / "line" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", tmp_path / "requirements.txt"]
    subprocess.run(install, check=True)
    installed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout
    assert "torch" not in installed
    assert "pandas" not in installed
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [python, plant / "line.pyz", "score", photos], capture_output=True, text=True, cwd=empty
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(StringIO(done.stdout), dtype={"serial": str}).set_index("serial")
    agree(found, predicted)
