import sqlite3
from pathlib import Path

import pytest

from packsight.arrival.arrivals import Arrived
from packsight.arrival.pairing import Image
from packsight.errors import UserError
from packsight.imaging.window import Window
from packsight.ledger.ledger import LATE, REPEATED, Ledger
from packsight.ledger.ledger_file import alone
from packsight.line.verdict import ImageSeen, Verdict
from packsight.preparation.layout import Name


def image(serial: str, camera: str = "top", content: str = "a") -> Image:
    path = Path(f"/in/{serial}_{camera}_{content}.png")
    return Image(Arrived(path, path.name, Name(serial, camera), 5, 7, 9), serial, camera, content)


def verdict(serial: str, error: str = "") -> Verdict:
    seen = ImageSeen("top", f"/in/{serial}.png", error, 0.25, "auto", Window(1, 2, 3, 4), (5, 6))
    return Verdict(serial, "accept", "score", 0.25, 0.125, "top", (seen,), {"decode": 0.5})


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_what_was_decided_is_read_again_as_it_was(ledger, tmp_path):
    entries = [ledger.decide(verdict(str(number)), [image(str(number))]) for number in range(5)]
    assert [entry.id for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].files == {"top": "/in/0_top_a.png"}
    other = Ledger(tmp_path / "ledger.sqlite", read_only=True)
    assert other.after(0, 10) == entries
    assert other.after(2, 2) == entries[2:4]
    assert other.recent(2) == [entries[4], entries[3]]
    assert [*other.since(entries[3].at)] == entries[3:]
    assert not [*other.since(entries[4].at + 1)]
    assert other.last_of("3") == entries[3]
    assert other.last_of("9") is None
    assert other.origin == ledger.origin


def test_no_image_is_decided_on_twice(ledger):
    ledger.decide(verdict("1"), [image("1")])
    with pytest.raises(sqlite3.IntegrityError):
        ledger.decide(verdict("1"), [image("1", "side"), image("1")])
    assert len(ledger.recent(10)) == 1
    assert ledger.known(image("1", "side")) is None
    # Of another serial it is another package's, though a camera that froze gave both.
    assert ledger.decide(verdict("2"), [image("2")]).id > 1


def test_late_and_repeated_images_belong_to_a_verdict(ledger):
    first = ledger.decide(verdict("1"), [image("1")], copies=[image("1")])
    ledger.add_image(first.id, REPEATED, image("1"))
    assert ledger.recent(1)[0].late is False
    ledger.add_image(first.id, LATE, image("1", "side", "b"))
    assert ledger.recent(1)[0].late is True
    assert ledger.recent(1)[0].files == {"top": "/in/1_top_a.png"}
    assert ledger.known(image("1", "side", "b")) == (first.id, Path("/in/1_side_b.png"))


def test_a_file_that_stayed_is_known_and_one_that_moved_is_where_it_went(ledger):
    path = Path("/in/1_top_a.png")
    ledger.decide(verdict("1"), [image("1")])
    assert ledger.is_known(path, 5, 7)
    assert not ledger.is_known(path, 5, 8)
    ledger.move(path, Path("/in/done/1.png"))
    assert not ledger.is_known(path, 5, 7)
    assert ledger.recent(1)[0].files == {"top": "/in/done/1.png"}


def test_what_is_wrong_with_an_image_is_recorded_with_its_verdict_and_once(ledger):
    ledger.decide(verdict("1", "the file is cut"), [image("1")])
    file = image("2").arrived
    for _ in range(2):
        ledger.add_problem(file, "its name tells no camera", Path("/in/failed/2.png"))
    told = [(problem.path, problem.problem, problem.place) for problem in ledger.problems()]
    assert told == [
        ("/in/2_top_a.png", "its name tells no camera", "/in/failed/2.png"),
        ("/in/1_top_a.png", "the file is cut", "/in/1_top_a.png"),
    ]


def test_a_receiver_hears_of_what_comes_after_it_and_of_what_it_has_not_acknowledged(ledger):
    ledger.decide(verdict("1"), [image("1")])
    ledger.add_receiver("mqtt")
    assert ledger.pending() == {"mqtt": 0}
    for serial in "234":
        ledger.decide(verdict(serial), [image(serial)])
    ledger.add_receiver("mqtt")  # at every start
    assert [entry.id for entry in ledger.unsent("mqtt", 2)] == [2, 3]
    ledger.acknowledge("mqtt", 3)
    ledger.acknowledge("mqtt", 2)
    assert ledger.pending() == {"mqtt": 1}
    ledger.failed("mqtt", "no route")
    ledger.failed("mqtt", "no route")
    [state] = ledger.receivers()
    assert (state.acknowledged, state.attempts, state.error) == (3, 2, "no route")
    assert state.since is not None
    ledger.acknowledge("mqtt", 4)
    [state] = ledger.receivers()
    assert (state.attempts, state.error, state.since) == (0, "", None)
    assert [gone.name for gone in ledger.keep_receivers([])] == ["mqtt"]
    assert not ledger.receivers()


def test_alarms_are_kept(ledger):
    ledger.add_alarm("dark", "top", 5.0, "the camera above went dark")
    [alarm] = ledger.alarms()
    assert alarm[1:] == ("dark", "top", 5.0, "the camera above went dark")


def test_another_kind_of_file_is_a_sentence(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"no ledger at all" * 100)
    with pytest.raises(UserError, match="cannot be opened as a ledger"):
        Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(UserError, match="cannot be opened as a ledger"):
        Ledger(tmp_path / "none.sqlite", read_only=True)


def test_one_watch_holds_a_ledger(tmp_path):
    held = alone(tmp_path / "ledger.sqlite")
    with pytest.raises(UserError, match="in the hands of another watch"):
        alone(tmp_path / "ledger.sqlite")
    held.close()
    alone(tmp_path / "ledger.sqlite").close()
