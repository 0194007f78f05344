"""Every stage, in every environment that a process may inherit: it can cost looks, never a run."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hostile import DATA, EVERY, SMALL, Hostile, run_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")

NOWHERE = "/dev/null/nowhere"  # which nobody can make, root neither
CASES = {
    "a notebook's figures": Hostile({"MPLBACKEND": "module://no_such_package.backend_inline"}),
    "latin-1": Hostile({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}),
    "ascii": Hostile({"LANG": "C", "LC_ALL": None, "PYTHONIOENCODING": "ascii:strict"}),
    "cp437": Hostile({"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp437"}),
    "posix without utf-8": Hostile(
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ),
    "homeless": Hostile({"HOME": None, "XDG_CACHE_HOME": None, "USER": None}),
    "a home that is none": Hostile({"HOME": NOWHERE, "XDG_CACHE_HOME": f"{NOWHERE}/cache"}),
    "no temporary folder of its own": Hostile({"TMPDIR": NOWHERE}),
    "without docstrings and assertions": Hostile({"PYTHONOPTIMIZE": "2"}),
    "warnings are errors": Hostile({"PYTHONWARNINGS": "error"}, flags=("-W", "error")),
    "development mode": Hostile({"PYTHONDEVMODE": "1", "PYTHONHASHSEED": "1234"}),
    "devices that are none": Hostile({"CUDA_VISIBLE_DEVICES": "junk,-3", "OMP_NUM_THREADS": "x"}),
    "one column": Hostile({"COLUMNS": "1", "LINES": "1", "PYTHONDONTWRITEBYTECODE": "1"}),
    "a dumb terminal": Hostile({"TERM": "dumb", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}),
    "colours for no terminal": Hostile({"FORCE_COLOR": "1", "TERM": "no-such-terminal"}),
    "closed output": Hostile(streams=">&-"),
    "closed errors": Hostile(streams="2>&-"),
    "all closed": Hostile(streams="<&- >&- 2>&-"),
    "a reader who leaves": Hostile(streams="| head -1"),
    "a reader of errors who leaves": Hostile(streams="2> >(head -c 1) >/dev/null"),
    "nobody else may read, few open files": Hostile(before="umask 077; ulimit -n 64"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, sample) -> Path:
    shutil.copy(sample, tmp_path / "raw-data.zip")
    return tmp_path


def check(folder: Path, environment: Hostile) -> None:
    ended = run_in(environment, folder)
    assert ended.codes == [0] * len(EVERY), ended.told[-4000:]
    assert "Traceback" not in ended.told
    [run] = (folder / "outputs").rglob("checkpoints/best.ckpt")
    assert list(run.parents[1].rglob("explanations/contact_sheet.png"))
    assert len(pd.read_csv(folder / "results/predictions.csv")) == 16
    for name in ("report.html", "leaderboard.csv", "models.zip"):
        assert (folder / "outputs/runs" / name).stat().st_size > 0
    assert (folder / "line.pyz").stat().st_size > 0


@pytest.mark.hostile
@pytest.mark.parametrize("name", CASES)
def test_every_stage_comes_to_its_end(folder, name):
    check(folder, CASES[name])


def test_every_stage_comes_to_its_end_where_much_is_against_it(folder):
    """What goes together of the above, so that each change meets it; the rest has its marker."""
    names = ("a notebook's figures", "posix without utf-8", "a home that is none", "one column",
             "no temporary folder of its own", "warnings are errors", "devices that are none",
             "a dumb terminal")  # fmt: skip
    variables = {key: value for name in names for key, value in CASES[name].variables.items()}
    check(folder, Hostile(variables, "<&- | head -1", "umask 077; ulimit -n 64"))


@pytest.mark.hostile
def test_files_of_another_user_can_be_used_and_are_not_written_to(folder, tmp_path):
    owned, own = folder / "owned", folder / "own"
    owned.mkdir()
    own.mkdir()
    shutil.copy(folder / "raw-data.zip", owned)
    assert run_in(Hostile(), owned, EVERY[:2]).codes == [0, 0]
    subprocess.run(["chmod", "-R", "a-w", owned / "outputs"], check=True)
    run, data = f"run={owned}/outputs/runs", f"data={owned}/outputs/data/line"
    explain = EVERY[3][2:]
    stages = (
        ("evaluate", run, data, "output=mine"),
        ("explain", run, data, "output=maps", *explain),
        ("predict", run, f"source={owned}/raw-data.zip", "output=results"),
        ("doctor", f"outputs={owned}/outputs"),
        ("evaluate", run, data),
        ("report", "name=runs", f"outputs={owned}/outputs"),
        ("train", *DATA, *SMALL, "seed=1", f"outputs={owned}/outputs"),
    )
    # Root writes everywhere, unless this is taken from it.
    taken = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    through = taken if os.geteuid() == 0 else ()
    shutil.copy(folder / "raw-data.zip", own)
    try:
        ended = run_in(Hostile(through=through), own, stages)
    finally:
        subprocess.run(["chmod", "-R", "u+w", owned / "outputs"], check=True)
    assert ended.codes == [0, 0, 0, 0, 2, 2, 2], ended.told[-4000:]
    told = [line for line in ended.told.splitlines() if line.startswith("error: ")]
    assert len(told) == 3
    assert all("cannot be written: there is no permission; give it or" in line for line in told)
