"""Which decision goes with which runs."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from complete_config import complete
from decisions import BAND

from packsight.configuration.stored import config_from
from packsight.decision.rule import Decision, write_decision
from packsight.errors import UserError
from packsight.runs.decision_file import find_decision, serving
from packsight.runs.saved import Run


def decision(**runs: str) -> Decision:
    named = {part: tuple(names.split()) for part, names in runs.items()}
    return replace(BAND, runs=named, cameras=("top",), fusion=None)


def runs(root: Path, *names: str) -> list[Run]:
    """Runs of these names; what comes before the slash is the perspective."""
    return [
        Run(root / name, root / name / "best.ckpt", config_of(name.split("/")[0]), name)
        for name in names
    ]


def config_of(perspective: str):
    values: dict = {"name": perspective}
    if perspective != "side":
        values["cameras"] = ["top"] if perspective == "top" else ["top", "side"]
    values["paired"] = perspective == "pair"
    return config_from(complete({"perspective": values}), "test")


@pytest.fixture
def experiment(tmp_path) -> Path:
    folder = tmp_path / "exp"
    folder.mkdir()
    return folder


def test_the_one_in_the_folder_serves_with_all_runs_that_it_names(experiment):
    there = runs(experiment, "top/0", "top/1", "top/2")
    assert find_decision(None, experiment, there, "*") is None
    write_decision(decision(top="top/1 top/0"), experiment)
    found = find_decision(None, experiment, there, "*")
    assert serving(found, there) == {"top": (there[1], there[0])}
    assert find_decision("none", experiment, there, "*") is None


def test_a_given_file_wins(experiment, tmp_path):
    write_decision(decision(top="top/0"), experiment)
    other = write_decision(replace(decision(top="top/0"), share=0.2), tmp_path)
    for given in (other, tmp_path):
        found = find_decision(str(given), experiment, runs(experiment, "top/0"), "*")
        assert found.share == 0.2


def test_runs_that_are_not_there_refuse_the_decision_unless_member_leaves_them_out(
    experiment, capsys
):
    file = write_decision(decision(top="top/0 top/1"), experiment)
    there = runs(experiment, "top/0")
    with pytest.raises(UserError, match=r"is about top/1, which .*exp does not hold"):
        find_decision(None, experiment, there, "*")
    assert find_decision(None, experiment, there, "*/0") is None
    assert "member=*/0" in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(UserError, match=r"member=\*/0 leaves out"):
        find_decision(str(file), experiment, there, "*/0")


def test_a_decision_that_does_not_fit_its_runs_is_refused(experiment):
    there = runs(experiment, "top/0", "side/0", "pair/0")
    for wrong in (
        decision(top="side/0"),
        decision(top="pair/0"),
        decision(pair="top/0"),
        decision(top=""),
        decision(top="top/0", side="side/0"),  # with no way to fuse them
    ):
        write_decision(wrong, experiment)
        with pytest.raises(UserError, match="does not fit its runs for"):
            find_decision(None, experiment, there, "*")


def test_another_format_or_a_damaged_file_is_refused(experiment):
    there = runs(experiment, "top/0")
    file = write_decision(decision(top="top/0"), experiment)
    whole = file.read_text()
    file.write_text(whole.replace('"format": 1', '"format": 9'))
    with pytest.raises(UserError, match="has format 9"):
        find_decision(None, experiment, there, "*")
    file.write_text(whole[:100])
    with pytest.raises(UserError, match=r"decision\.json"):
        find_decision(None, experiment, there, "*")


def test_an_archives_own_serves_and_one_beside_it_where_they_agree(experiment, tmp_path):
    archive = tmp_path / "models.zip"
    archive.touch()
    there = runs(experiment, "top/0")  # where the archive is unpacked
    inside = write_decision(decision(top="top/0"), experiment)
    assert find_decision(None, archive, there, "*").share == 0.1
    beside = Path(shutil.copy(inside, tmp_path))
    assert find_decision(None, archive, there, "*").share == 0.1
    write_decision(replace(decision(top="top/0"), share=0.2), tmp_path)
    with pytest.raises(UserError, match=r"holds another decision than .* decision="):
        find_decision(None, archive, there, "*")
    inside.unlink()
    assert find_decision(None, archive, there, "*").share == 0.2
    beside.unlink()
    assert find_decision(None, archive, there, "*") is None


def test_a_single_run_has_its_own_and_a_checkpoint_none(experiment):
    [run] = runs(experiment, ".")
    run = replace(run, config=config_of("top"))
    write_decision(decision(top="."), experiment)
    assert find_decision(None, experiment, [run], "*") is not None
    checkpoint = replace(run, name="best")
    assert find_decision(None, experiment / "best.ckpt", [checkpoint], "*") is None
