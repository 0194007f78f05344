"""What a hosted notebook does: README's cells, in a kernel and its environment."""

import os
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(!python scripts/.*)$", README, re.MULTILINE)
SMALL = "model=resnet model.weights=none finetune=scratch data.image_size=32 trainer.max_epochs=1"
# Fewer values of an axis run the same way as many.
SHORTER = {"model=resnet,efficientnet,mobilenet perspective=top,side precision=fp32,bf16": SMALL}


@pytest.mark.hostile
@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_the_cells_of_the_readme_run_in_a_notebook(tmp_path, sample, script):
    pytest.importorskip("ipykernel")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    assert script("prepare", f"data.source={sample}", "data.name=data", cwd=tmp_path) == 0
    shutil.move(tmp_path / "outputs/data/data.zip", tmp_path / "data.zip")
    shutil.rmtree(tmp_path / "outputs")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    assert len(COMMANDS) == 2
    cells = ["import os; print(os.environ.get('MPLBACKEND'))"]
    for command in COMMANDS:
        for long, short in SHORTER.items():
            command = command.replace(long, short)
        cells += [command, "print(_exit_code)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    place = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=place, kernel_name="python3")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    # Without what `script` has said of figures: the kernel has its own backend, and passes it on.
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    client.execute(env=kept | {"PATH": path, "PYTHONPATH": str(ROOT / "src")})
    shown = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    backend, about, first, trained, second = shown
    assert "inline" in backend
    assert "packsight" in about
    assert (first.strip(), second.strip()) == ("0", "0"), trained
    assert "Traceback" not in "".join(shown)
    assert (tmp_path / "outputs/line7/models.zip").is_file()
    assert pd.read_csv(tmp_path / "outputs/line7/leaderboard.csv")["state"].tolist() == ["done"]
