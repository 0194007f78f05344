import shutil
from pathlib import Path

import pytest

from packsight.system import files
from packsight.system.room import expect_room


@pytest.mark.parametrize(("needed", "told"), [(2e6, ""), (5e9, "needs about 5,000 MB, and 3 MB")])
def test_little_room_is_told_in_a_line(tmp_path, monkeypatch, capsys, needed, told):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 3e6))
    expect_room(tmp_path / "absent" / "photos", needed, "prepared data")
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == (1 if told else 0)
    assert bool(told) == (str(Path("absent", "photos")) in said)
