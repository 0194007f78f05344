import shutil
from pathlib import Path

import pytest

from packsight.system import files
from packsight.system.room import expect_room, expect_room_for_run, one_run_less, plan_runs


@pytest.mark.parametrize(
    ("needed", "told"), [(2e6, ""), (5e9, "about 5,000 MB are needed for prepared data, and 3 MB")]
)
def test_little_room_is_told_in_a_line(tmp_path, monkeypatch, capsys, needed, told):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 3e6))
    expect_room(tmp_path / "absent" / "photos", needed, "prepared data")
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == (1 if told else 0)
    assert bool(told) == (str(Path("absent", "photos")) in said)


def test_the_first_run_of_a_sweep_speaks_for_all_that_follow(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 3e9))

    def told() -> str:
        expect_room_for_run(tmp_path, 1e9, 0.5e9)
        return capsys.readouterr().err

    assert told() == ""
    plan_runs(4)
    one_run_less()  # it had been done before
    assert "about 3,500 MB are needed for 3 runs like this one, and 3,000 MB are free" in told()
    assert told() == ""
    plan_runs(2)
    assert told() == ""
