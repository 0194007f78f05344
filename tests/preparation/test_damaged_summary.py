"""Whether prepared data stand is told by their summary, also where that is damaged."""

from pathlib import Path

import pytest

from packsight.errors import UserError
from packsight.preparation.target import stands
from packsight.system.files import write_json

DAMAGED = ["", "{", "[]", '{"source": "photos"}', "\0" * 9]


@pytest.fixture
def target(tmp_path) -> Path:
    write_json(tmp_path / "summary.json", {"fingerprint": "abc"})
    (tmp_path / "manifest.csv").touch()
    return tmp_path


def test_data_of_the_same_fingerprint_stand(target):
    assert stands(target, "abc", overwrite=False)
    assert stands(target, "abc", overwrite=True)
    assert not stands(target, "abd", overwrite=True)
    with pytest.raises(UserError, match="from another source"):
        stands(target, "abd", overwrite=False)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_summary_is_named_and_its_data_can_be_made_anew(target, content):
    (target / "summary.json").write_text(content)
    with pytest.raises(UserError, match=r"summary\.json is damaged.*data\.overwrite=true"):
        stands(target, "abc", overwrite=False)
    assert not stands(target, "abc", overwrite=True)


def test_data_from_before_bursts_stand_and_can_be_made_with_them(target, capsys):
    rejected = {"second image of one package and perspective": 7, "identical content": 1}
    write_json(target / "summary.json", {"fingerprint": "abc", "rejected": rejected})
    assert stands(target, "abc", overwrite=False)
    assert "leaves out 7 further images" in " ".join(capsys.readouterr().out.split())
    assert not stands(target, "abc", overwrite=True)
