import pytest

from packsight.cli import slug, spell_out
from packsight.jobs import sentence


@pytest.mark.parametrize(
    ("source", "name"),
    [(None, "sample"), ("raw-data.zip", "raw-data"), ("in/Line 7 (new).zip", "line-7-new"),
     ("…", "sample")],
)  # fmt: skip
def test_a_source_gives_a_folder_name(source, name):
    assert slug(source, "sample") == name


def test_data_is_a_path_where_a_run_is_asked_about_and_a_choice_where_one_is_trained():
    assert spell_out("data=x/data.zip", "evaluate") == "data.path=x/data.zip"
    assert spell_out("data=sample", "train") == "data=sample"
    assert spell_out("metadata=1", "explain") == "metadata=1"
    assert spell_out("perspective=top", "predict") == "perspective.name=top"
    assert spell_out("--help", "predict") == "--help"


def test_a_message_is_one_line_without_search_paths():
    error = ValueError("Could not find 'model/x'\n\nAvailable:\n\ta\nConfig search path:\n\tb")
    assert sentence(error) == "Could not find 'model/x' Available: a"
