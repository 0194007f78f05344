"""What killed processes were writing is removed, and what others write or own is not."""

import os
from pathlib import Path

import pytest

from packsight.system.files import replacing
from packsight.system.half_written import (
    SILENT_S,
    clear_below,
    clear_beside,
    clear_dead_beside,
    target,
    writer,
)

NOBODY = 2**22 + 1  # above any process's number


def file(path: Path, silent: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    then = path.stat().st_mtime - silent
    os.utime(path, (then, then))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_temporary_tells_its_process_and_its_folder(tmp_path):
    with replacing(tmp_path / "7.jpg") as temporary:
        assert writer(file(temporary)) == os.getpid()
    assert writer(tmp_path / "7.jpg") is None
    assert writer(tmp_path / ".hidden") is None
    assert target(tmp_path / ".line7.a1b2c3d4") == "line7"
    assert target(tmp_path / ".line7.lock") is None


def test_below_a_folder_of_ones_own_all_temporaries_go(tmp_path):
    for number in (NOBODY, os.getpid()):  # a container gives the same number at each start
        file(tmp_path / "day" / f".{number}.1_top.jpg")
    for name in ("1_top.jpg", ".hidden", ".5"):
        file(tmp_path / "day" / name)
    clear_below(tmp_path)
    assert names(tmp_path) == {"1_top.jpg", ".hidden", ".5"}
    clear_below(tmp_path / "none")


def test_beside_a_file_only_its_own_temporaries_go(tmp_path):
    file(tmp_path / f".{NOBODY}.line7")
    file(tmp_path / ".line7.a1b2c3d4" / "image.png")
    kept = {f".{NOBODY}.line8", ".line7.lock", "line7"}
    for name in kept:
        file(tmp_path / name)
    clear_beside(tmp_path / "line7")
    assert {path.name for path in tmp_path.iterdir()} == kept
    clear_beside(tmp_path / "none" / "line7")


@pytest.mark.skipif(os.name == "nt", reason="processes cannot be asked for")
def test_what_others_may_be_writing_stays(tmp_path):
    file(tmp_path / f".{NOBODY}.models.zip", silent=2 * SILENT_S)
    kept = {f".{NOBODY + 1}.models.zip", f".{os.getpid()}.models.zip"}
    file(tmp_path / f".{NOBODY + 1}.models.zip")  # of another machine, maybe
    file(tmp_path / f".{os.getpid()}.models.zip", silent=2 * SILENT_S)
    clear_dead_beside(tmp_path / "models.zip")
    assert names(tmp_path) == kept
