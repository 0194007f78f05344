"""A service whose disk fills up: what needs the room waits and says so, the rest goes on."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from fake_line import picture, write
from service_process import FAKE, Service
from service_receivers import Hook, free_port, opened, until
from small_disk import small_disk

DARK, LIGHT = 20, 200  # rejected, accepted


def fill(folder: Path) -> Path:
    """Leave no byte of a disk free."""
    filler = folder / "filler"
    opened = os.open(filler, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 16, 1 << 12, 1):
        with suppress(OSError):
            while os.write(opened, bytes(size)):
                pass
    os.close(opened)
    return filler


class Plant:
    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.folder, self.belt, self.home = folder, folder / "belt", folder / "home"
        self.belt.mkdir()
        self.count, self.lines = 0, folder / "verdicts.jsonl"
        self.hook, self.page = Hook(), free_port()
        held.callback(self.hook.close)

    def start(self) -> None:
        self.service = Service(
            self.folder, (FAKE,), self.belt, "--home", self.home, "--poll", 0.02, "--wait", 1,
            "--files", "move", "--json-lines", self.lines, "--webhook", self.hook.url,
            "--page", f"127.0.0.1:{self.page}",
        )  # fmt: skip
        self.ledger = opened(self.home / "ledger.sqlite")

    def send(self, packages: int, brightness: int) -> None:
        for _ in range(packages):
            self.count += 1
            for camera in ("top", "side"):
                content = picture(brightness, mark=self.count)
                write(self.belt, f"{self.count:013d}_{camera}.png", content)

    @property
    def log(self) -> str:
        return self.service.log.read_text()

    def decided(self) -> int:
        return len(self.ledger.after(0, 10_000))

    def settled(self) -> None:
        """Wait until all is done: a picture in the making would leave room on a full disk."""
        until(lambda: self.decided() == self.count, 60)
        until(lambda: not any(self.ledger.pending().values()), 60)

    def health(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/health", timeout=5) as told:
                return told.status
        except urllib.error.HTTPError as error:
            return error.code

    def check(self) -> None:
        """Each package has one verdict, each receiver each verdict, each reject its picture."""
        self.settled()
        until(lambda: not [*self.belt.glob("*.png")])
        assert self.service.end() == 0
        entries = self.ledger.after(0, 10_000)
        assert len({entry.verdict.serial for entry in entries}) == len(entries) == self.count
        ids = [entry.id for entry in entries]
        told = [json.loads(line)["id"] for line in self.lines.read_text().splitlines()]
        assert told == ids
        assert [*dict.fromkeys(message["id"] for message in self.hook.heard)] == ids
        drawn = [name for _, _, names in os.walk(self.home / "annotated") for name in names]
        rejected = [entry for entry in entries if entry.verdict.decision == "reject"]
        assert sorted(drawn) == sorted(
            f"{entry.verdict.serial}_{entry.id}_reject.jpg" for entry in rejected
        )
        assert rejected


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def plant(tmp_path, held) -> Plant:
    return Plant(tmp_path, held)


@pytest.mark.parametrize("ends", ["goes on", "is killed", "is stopped"])
def test_a_full_disk_of_the_ledger_has_packages_wait_until_there_is_room(plant, held, ends):
    held.enter_context(small_disk(plant.home, "40m"))
    plant.start()
    held.callback(lambda: plant.service.kill())
    plant.send(10, DARK)
    plant.settled()
    assert plant.health() == 200
    filler = fill(plant.home)
    plant.send(60, DARK)
    until(lambda: "nothing can be recorded" in plant.log, 30)
    assert "packages wait until it can" in plant.log
    before = plant.decided()
    assert before < plant.count
    until(lambda: plant.health() == 503)
    assert plant.service.process.poll() is None
    if ends == "goes on":
        filler.unlink()
        until(lambda: "the ledger can be written again" in plant.log, 60)
    else:
        if ends == "is killed":
            plant.service.kill()
        else:
            assert plant.service.end() == 0
            assert "it is done at the next start" in plant.log
        filler.unlink()
        plant.start()
    plant.send(5, LIGHT)
    plant.check()


def test_a_full_disk_of_annotated_images_stops_nothing_but_them(plant, held):
    held.enter_context(small_disk(plant.home / "annotated", "1m"))
    plant.start()
    held.callback(lambda: plant.service.kill())
    plant.send(2, DARK)
    plant.settled()
    filler = fill(plant.home / "annotated")
    plant.send(10, DARK)
    until(lambda: plant.decided() == plant.count, 30)
    until(lambda: len(plant.hook.heard) == plant.count)
    until(lambda: "annotated images does not take verdicts" in plant.log, 30)
    assert "the disk is full" in plant.log
    assert plant.ledger.pending()["annotated images"] == 10
    assert plant.health() == 200
    filler.unlink()
    plant.check()
    assert "annotated images takes verdicts again" in plant.log
