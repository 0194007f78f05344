"""The archive holds what its command imports, and nothing of what a line has not."""

from packsight.export.modules import closure

FOUND = closure("packsight.service.command")


def test_all_that_is_imported_is_there():
    for place in ("__init__.py", "service/command.py", "line/model.py", "decision/rule.py"):
        assert f"packsight/{place}" in FOUND


def test_rooms_of_training_stay_behind():
    rooms = {place.split("/")[1] for place in FOUND}
    assert not rooms & {"training", "models", "data", "runs", "deployment", "export", "pipeline"}


def test_what_a_page_shows_goes_with_it():
    assert [place for place in FOUND if place.startswith("packsight/page/site/")]
