from types import SimpleNamespace

import pytest

from packsight.page.condition import condition
from packsight.page.words import words


@pytest.mark.parametrize(
    ("problem", "alarms", "undecided", "kind", "text", "detail"),
    [
        ("", 0, False, "good", "All is well", ""),
        ("", 2, False, "warn", "2 alarms", ""),
        ("", 0, True, "warn", "No decision", "This model has no decision"),
        ("", 1, True, "warn", "1 alarm", "This model has no decision"),
        ("the disk died", 1, True, "bad", "Not in order", "the disk died"),
    ],
)
def test_the_worst_is_told_first(problem, alarms, undecided, kind, text, detail):
    description = {"decision": None, "warning": "no decision: …"} if undecided else {}
    found = condition(SimpleNamespace(problem=problem), alarms, description, words("en"))
    assert (found["kind"], found["text"]) == (kind, text)
    assert found["detail"].startswith(detail)
    assert bool(found["detail"]) == bool(detail)
