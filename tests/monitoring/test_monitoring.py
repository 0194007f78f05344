"""A service that starts again goes on comparing as if it had not stopped."""

import json
import time
from pathlib import Path

from line_stream import Stream

from packsight.ledger.ledger_entries import Entry
from packsight.line.reference import Reference
from packsight.monitoring.drift import Monitor
from packsight.monitoring.monitoring import FILE, FIRST, RESUMED, catch_up


class Book:
    """A ledger of verdicts alone."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, *verdicts) -> None:
        for verdict in verdicts:
            self.entries.append(Entry(len(self.entries) + 1, time.time(), verdict, {}, False))

    def after(self, id: int, limit: int) -> list[Entry]:
        return self.entries[id : id + limit]

    def since(self, at: float):
        return (entry for entry in self.entries if entry.at >= at)


def resumed(reference: Reference, book: Book, home: Path) -> Monitor:
    monitor = Monitor(reference)
    catch_up(monitor, book, home, len(book.entries))
    return monitor


def test_a_new_line_starts_with_nothing(tmp_path):
    monitor = resumed(Reference({}, 0), Book(), tmp_path)
    assert not monitor.settled
    assert json.loads((tmp_path / FILE).read_text())["since"] <= time.time()


def test_the_beginning_and_the_end_are_looked_at_again(tmp_path, monkeypatch):
    stream, book = Stream(0), Book()
    reference = stream.reference()
    resumed(reference, book, tmp_path)
    book.add(*(stream.package() for _ in range(2 * RESUMED)))
    book.add(*(stream.package(light=0.5) for _ in range(60)))
    taken: list[float] = []
    added = Monitor.add
    monkeypatch.setattr(
        Monitor, "add", lambda *given: (taken.append(given[1]), added(*given))[1]
    )  # fmt: skip
    monitor = resumed(reference, book, tmp_path)
    assert [alarm.kind for alarm in monitor.active()] == ["dark"]
    assert monitor.settled
    assert len(taken) <= FIRST + RESUMED  # however long the line has run
    assert len({*taken}) == len(taken)  # none of them twice


def test_another_model_is_compared_with_its_own_packages(tmp_path):
    stream, book = Stream(0), Book()
    resumed(stream.reference(), book, tmp_path)
    book.add(*(stream.package() for _ in range(400)))
    time.sleep(0.01)
    other = stream.reference()
    assert not resumed(other, book, tmp_path).settled
    book.add(*(stream.package(scores=0.5) for _ in range(400)))
    monitor = resumed(other, book, tmp_path)
    assert monitor.settled
    # Its first packages are what they are; that they are unlike validation is another matter.
    assert {name for one in monitor.active() for name in one.signals} == {"score", "damage"}


def test_a_short_life_is_looked_at_once(tmp_path):
    stream, book = Stream(0), Book()
    reference = stream.reference()
    before = resumed(reference, book, tmp_path)
    packages = [stream.package() for _ in range(350)]
    book.add(*packages)
    for entry in book.entries:
        before.add(entry.at, entry.verdict)
    assert resumed(reference, book, tmp_path).watched() == before.watched()


def test_what_was_not_heard_yet_is_left_for_later(tmp_path):
    stream, book = Stream(0), Book()
    monitor = Monitor(stream.reference())
    catch_up(monitor, book, tmp_path, 0)
    book.add(*(stream.package() for _ in range(100)))
    book.add(*(stream.package(light=0.5) for _ in range(60)))
    after = Monitor(monitor.reference)
    catch_up(after, book, tmp_path, 100)
    assert after.active() == []
    told = [alarm.kind for one in book.entries[100:] for alarm in after.add(one.at, one.verdict)]
    assert told == ["dark"]
