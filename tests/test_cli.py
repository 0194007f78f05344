import pytest

from packsight.cli import slug
from packsight.jobs import sentence


@pytest.mark.parametrize(
    ("source", "name"),
    [(None, "sample"), ("raw-data.zip", "raw-data"), ("in/Line 7 (new).zip", "line-7-new"),
     ("…", "sample")],
)  # fmt: skip
def test_a_source_gives_a_folder_name(source, name):
    assert slug(source, "sample") == name


def test_a_message_is_one_line_without_search_paths():
    error = ValueError("Could not find 'model/x'\n\nAvailable:\n\ta\nConfig search path:\n\tb")
    assert sentence(error) == "Could not find 'model/x' Available: a"
