import json

import pytest
from service_receivers import entry

from packsight.errors import UserError
from packsight.receivers.json_lines import JsonLines


def ids(path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_each_verdict_is_a_line(tmp_path):
    file = tmp_path / "verdicts.jsonl"
    assert [*JsonLines(file, "abc").deliver([entry(1), entry(2)])] == [1, 2]
    assert [*JsonLines(file, "abc").deliver([entry(3)])] == [3]
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["id"] for line in told] == [1, 2, 3]
    assert told[0] | {"images": []} == {
        "id": 1, "ledger": "abc", "at": "2027-01-15T08:00:00.000+00:00",
        "serial": "1234567890123", "decision": "reject", "reason": "score", "probability": 0.875,
        "score": 0.5, "cameras": "top+side", "images": [],
    }  # fmt: skip
    assert told[0]["images"][0]["file"] == "1234567890123_top.png"


def test_a_half_line_is_cut_off_and_nothing_stands_there_twice(tmp_path):
    file = tmp_path / "verdicts.jsonl"
    [*JsonLines(file, "abc").deliver([entry(1), entry(2)])]
    content = file.read_bytes()
    file.write_bytes(content[:-10])  # killed while it wrote
    assert [*JsonLines(file, "abc").deliver([entry(1), entry(2), entry(3)])] == [1, 2, 3]
    assert ids(file) == [1, 2, 3]


def test_another_ledger_counts_from_one_again(tmp_path):
    file = tmp_path / "verdicts.jsonl"
    [*JsonLines(file, "abc").deliver([entry(7)])]
    [*JsonLines(file, "def").deliver([entry(1)])]
    assert ids(file) == [7, 1]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path):
    file = tmp_path / "verdicts.jsonl"
    lines = JsonLines(file, "abc")
    [*lines.deliver([entry(1)])]
    file.rename(tmp_path / "verdicts.1.jsonl")
    [*lines.deliver([entry(2)])]
    assert ids(file) == [2]


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path):
    resource = pytest.importorskip("resource")
    file = tmp_path / "verdicts.jsonl"
    [*JsonLines(file, "abc").deliver([entry(1)])]
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            [*JsonLines(file, "abc").deliver([entry(2)])]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before


def test_a_file_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match="holds no verdicts; name another"):
        JsonLines(tmp_path / "image.png", "abc")
