"""What is older than it is to be kept leaves the ledger, and nothing that is needed does."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from packsight.arrival.arrivals import Arrived
from packsight.arrival.pairing import Image
from packsight.ledger.ledger import REPEATED, UNNEEDED, Ledger
from packsight.line.verdict import ImageSeen, Verdict
from packsight.preparation.layout import Name
from packsight.service.retention import DAY_S, Retention
from packsight.system.files import write_json

START = 1_800_000_000.0


class Service:
    """A ledger whose packages are decided on at the times that a test says."""

    def __init__(self, folder: Path) -> None:
        self.belt, self.home, self.now = folder / "belt", folder / "home", START
        self.belt.mkdir()
        (self.belt / "other.txt").write_text("the folder is not empty")
        self.ledger = Ledger(self.home / "ledger.sqlite")
        self.ledger.add_receiver("webhook")

    def image(self, serial: str, stays: bool = False) -> Image:
        path = self.belt / f"{serial}_top.png"
        size, changed = 5, 7
        if stays:
            path.write_bytes(b"image")
            size, changed = path.stat().st_size, path.stat().st_mtime_ns
        arrived = Arrived(path, path.name, Name(serial, "top"), size, changed, 9)
        return Image(arrived, serial, "top", serial)

    def decide(self, serial: str, day: float = 0.0, stays: bool = False) -> int:
        self.now = START + day * DAY_S
        seen = ImageSeen("top", f"{serial}_top.png", "", 0.25)
        verdict = Verdict(serial, "accept", "score", 0.25, 0.25, "top", (seen,))
        image = self.image(serial, stays)
        places = {} if stays else {image.arrived.path: self.belt / "done" / image.arrived.path.name}
        id = self.ledger.decide(verdict, [image], places=places).id
        self.ledger.acknowledge("webhook", id)
        return id

    def clear(self, day: float, days: int = 30) -> list[str]:
        """Clear on a day; the serials that are left."""
        retention = Retention(
            self.home / "ledger.sqlite", self.home / "annotated", days, [self.belt],
            clock=lambda: START + day * DAY_S,
        )  # fmt: skip
        retention.clear()
        return [entry.verdict.serial for entry in self.ledger.after(0, 100_000)]


@pytest.fixture
def service(tmp_path, monkeypatch):
    made = Service(tmp_path)
    monkeypatch.setattr("packsight.ledger.ledger.time", SimpleNamespace(time=lambda: made.now))
    monkeypatch.setattr("packsight.monitoring.monitoring.RESUMED", 1)
    yield made
    made.ledger.close()


def test_a_package_leaves_after_its_days_and_its_content_is_new_then(service):
    old, newer = service.decide("1"), service.decide("2", day=5)
    last = service.decide("3", day=5)
    assert service.clear(29.9) == ["1", "2", "3"]
    assert service.ledger.known(service.image("1"))
    assert service.clear(30.1) == ["2", "3"]
    assert service.ledger.known(service.image("1")) is None
    assert service.ledger.known(service.image("2"))
    assert (old, newer, last, service.decide("1", day=31)) == (1, 2, 3, 4)


def test_ids_are_never_given_again(service):
    ids = [service.decide(str(number)) for number in range(3)]
    service.clear(100)
    assert service.decide("9", day=100) == ids[-1] + 1


def test_what_a_receiver_has_not_acknowledged_stays(service):
    service.ledger.add_receiver("mqtt")
    for number in range(4):
        service.decide(str(number))
    service.ledger.acknowledge("mqtt", 2)
    assert service.clear(100) == ["2", "3"]
    assert [entry.id for entry in service.ledger.unsent("mqtt", 9)] == [3, 4]


def test_a_package_whose_file_stays_is_known_as_long_as_it_does(service):
    service.decide("1", stays=True)
    service.decide("2")
    service.decide("3")
    assert service.clear(100) == ["1", "3"]
    file = service.belt / "1_top.png"
    found = file.stat()
    assert service.ledger.is_known(file, found.st_size, found.st_mtime_ns)
    file.unlink()
    assert service.clear(102) == ["3"]


def test_a_folder_that_is_empty_may_be_a_disk_that_is_not_mounted(service):
    service.decide("1", stays=True)
    service.decide("2")
    for file in service.belt.iterdir():
        file.unlink()
    assert service.clear(100) == ["1", "2"]
    service.belt.rmdir()
    assert service.clear(100) == ["1", "2"]


def test_what_a_restart_compares_with_stays(service, monkeypatch):
    monkeypatch.setattr("packsight.monitoring.monitoring.FIRST", 2)
    monkeypatch.setattr("packsight.monitoring.monitoring.RESUMED", 3)
    for number in range(9):
        service.decide(str(number), day=number / 100)
    since = START + 0.015 * DAY_S  # a new model serves from the third package on
    write_json(service.home / "serving.json", {"reference": "x", "since": since})
    assert service.clear(100) == ["2", "3", "6", "7", "8"]
    assert service.clear(101) == ["2", "3", "6", "7", "8"]


def test_problems_alarms_and_images_without_a_verdict_leave_too(service):
    service.ledger.add_image(None, UNNEEDED, service.image("8"), service.belt / "done" / "8.png")
    service.ledger.add_problem(service.image("9").arrived, "no camera", service.belt / "9.png")
    stays = service.image("stays", stays=True)
    service.ledger.add_problem(stays.arrived, "no camera")
    id = service.decide("1")
    service.ledger.add_image(id, REPEATED, service.image("1"), service.belt / "done" / "1~2.png")
    service.ledger.add_alarm("dark", "top", START, "dark")
    service.decide("2", day=90)
    service.ledger.add_alarm("dark", "top", START, "dark")
    service.clear(100)
    assert [Path(problem.path).name for problem in service.ledger.problems()] == ["stays_top.png"]
    assert len(service.ledger.alarms()) == 1
    [count] = service.ledger._row("SELECT count(*) FROM images")
    assert count == 1


def test_annotated_days_leave_and_images_do_not(service):
    picture, done = service.home / "annotated", service.belt / "done"
    days = [time.strftime("%Y-%m-%d", time.localtime(START + day * DAY_S)) for day in (0, 9, 10)]
    for day in (*days, "mine"):
        for folder in (picture / day, done / day):
            folder.mkdir(parents=True)
            (folder / "1.jpg").write_bytes(b"image")
    service.clear(12, days=3)
    assert sorted(folder.name for folder in picture.iterdir()) == sorted([*days[1:], "mine"])
    assert len([*done.glob("*/1.jpg")]) == 4


def test_the_file_does_not_grow_while_as_much_leaves_as_comes_and_shrinks_when_less_does(service):
    size, path = [], service.home / "ledger.sqlite"
    for day in range(10):
        for number in range(8):
            service.decide(f"{day}-{number}" + "x" * 20_000, day=day)
        service.clear(day + 0.01, days=3)
        service.ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size.append(path.stat().st_size)
    assert max(size[5:]) <= 1.2 * size[4]
    assert len(service.clear(100, days=3)) == 1
    service.ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < size[-1] / 2


def test_what_cannot_be_cleared_is_told_and_stops_nothing(service, monkeypatch, caplog):
    retention = Retention(service.home / "ledger.sqlite", service.home / "none", 3, [service.belt])
    monkeypatch.setattr("packsight.service.retention.EVERY_S", 0.01)
    tries = []

    def clear():
        tries.append(1)
        raise OSError("the disk does not answer")

    monkeypatch.setattr(retention, "clear", clear)
    retention.start()
    while len(tries) < 3:
        time.sleep(0.01)
    retention.end()
    assert not retention.is_alive()
    assert caplog.text.count("stays for now (the disk does not answer)") == 1
