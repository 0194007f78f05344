"""Every family of timm's models works, or is refused in a sentence: `pytest -m families`."""

import re
import warnings

import pytest
from families import Tried, families, member, try_out

pytestmark = pytest.mark.families
# What heads are made of that take more than one vector: a learned mean, a maximum over places.
SEVERAL = {"efficientvim", "volo"}


@pytest.fixture(scope="module")
def told(request) -> list[tuple[str, Tried]]:
    """What came of each; printed at the end, for docs/models.md."""
    rows: list[tuple[str, Tried]] = []
    yield rows
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for family, row in rows:
            print(f"{family}: {row}")


@pytest.mark.parametrize("family", families())
def test_a_family_trains_and_explains_or_says_why_not(family, told):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's and torch's own
        row = try_out(member(family))
    told.append((family, row))
    for sentence in row.refused.values():
        assert re.fullmatch(r"[^\n]+\.", sentence)
    assert row.refused.keys() <= {"finetune=probe"}
    assert bool(row.refused) == (family.split()[0] in SEVERAL and row.numbers)
