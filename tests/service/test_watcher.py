import logging
import sqlite3
import threading

import pytest
from fake_line import FakeLine, picture, write
from service_receivers import until

from packsight.ledger.ledger import Ledger
from packsight.service.settings import Settings
from packsight.service.watch import namer
from packsight.service.watcher import Watcher


@pytest.fixture
def belt(tmp_path):
    """A folder in which images arrive."""
    folder = tmp_path / "belt"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def watching(belt, tmp_path):
    """Start a watch of the folder in a thread; gives what stops it."""
    stops = []

    def start(line=None, moves=False, pattern=None, ledger=None, **times):
        watcher = Watcher(
            line or FakeLine(), ledger or Ledger(tmp_path / "ledger.sqlite"), [belt],
            namer(Settings(folders=(belt,), pattern=pattern)), moves=moves,
            **{"settle": 0.3, "wait": 0.3, "poll": 0.02} | times,
        )  # fmt: skip
        thread = threading.Thread(target=watcher.run)
        thread.start()

        def stop():
            watcher.stopping.set()
            thread.join(10)
            assert not thread.is_alive()

        stops.append(stop)
        return stop

    yield start
    for stop in stops:
        stop()


def decided(ledger):
    return [(e.verdict.serial, e.verdict.decision, e.verdict.reason) for e in ledger.after(0, 99)]


def both(belt, serial: str, brightness: int = 200, mark: int = 0) -> None:
    for camera in ("top", "side"):
        write(belt, f"{serial}_{camera}.png", picture(brightness, mark=mark))


def test_a_package_of_two_images_is_decided_on_and_its_files_stay(belt, ledger, watching):
    watching()
    both(belt, "1")
    both(belt, "2", brightness=20)
    until(lambda: len(decided(ledger)) == 2)
    assert sorted(decided(ledger)) == [("1", "accept", "score"), ("2", "reject", "score")]
    assert ledger.last_of("1").files == {
        camera: str(belt / f"1_{camera}.png") for camera in ("top", "side")
    }
    assert len([*belt.glob("*.png")]) == 4


def test_files_that_are_decided_on_move_and_the_ledger_says_where(belt, ledger, watching):
    watching(moves=True)
    both(belt, "1")
    until(lambda: len([*belt.glob("done/*/*.png")]) == 2)
    files = ledger.last_of("1").files
    assert {*files.values()} == {str(path) for path in belt.glob("done/*/*.png")}
    assert not [*belt.glob("*.png")]


def test_after_the_wait_one_camera_decides_and_the_other_is_late(belt, ledger, watching, caplog):
    watching(moves=True)
    write(belt, "1_top.png", picture(200))
    until(lambda: decided(ledger))
    assert decided(ledger) == [("1", "inspect", "missing_camera")]
    assert "package 1 has no image of side after 0.3 s: top decides alone" in caplog.text
    write(belt, "1_side.png", picture(200))
    until(lambda: ledger.last_of("1").late)
    until(lambda: [*belt.glob("done/*/1_side.png")])
    assert len(decided(ledger)) == 1
    assert "recorded as late" in caplog.text


def test_a_package_waits_for_a_file_that_is_still_being_written(belt, ledger, watching):
    watching(settle=3, wait=0.2)
    write(belt, "1_top.png", picture(200))
    content = picture(200)
    (belt / "1_side.png").write_bytes(content[:50])
    threading.Event().wait(0.8)
    assert not decided(ledger)
    (belt / "1_side.png").write_bytes(content)
    until(lambda: decided(ledger))
    assert decided(ledger) == [("1", "accept", "score")]


def test_the_same_content_twice_is_decided_on_once(belt, ledger, watching, caplog):
    caplog.set_level(logging.INFO, "packsight.watch")
    watching(moves=True, wait=1)
    write(belt, "1234567890123_top.png", picture(200))
    write(belt, "1234567890123_copy_top.png", picture(200))  # before the package is complete
    threading.Event().wait(0.2)
    write(belt, "1234567890123_side.png", picture(200))
    until(lambda: len([*belt.glob("done/*/*.png")]) == 3)
    write(belt, "1234567890123_side.png", picture(200))  # and after that
    until(lambda: "repeats an image of verdict 1" in caplog.text)
    until(lambda: not [*belt.glob("*.png")])
    assert len(decided(ledger)) == 1


def test_other_content_of_a_serial_is_another_package(belt, ledger, watching):
    watching()
    serial = "1234567890123"
    both(belt, serial)
    until(lambda: len(decided(ledger)) == 1)
    for camera in ("top", "side"):  # the package comes by again
        write(belt, f"{serial}_again_{camera}.png", picture(20))
    until(lambda: len(decided(ledger)) == 2)
    assert decided(ledger) == [(serial, "accept", "score"), (serial, "reject", "score")]


def test_bad_files_are_named_and_moved_aside(belt, ledger, watching, caplog):
    watching(moves=True)
    write(belt, "1_top.png", picture(200))
    (belt / "1_side.png").write_bytes(picture(200)[:-20])
    (belt / "whatever.png").write_bytes(picture(200))
    until(lambda: len([*belt.glob("failed/*/*.png")]) == 2)
    until(lambda: [*belt.glob("done/*/1_top.png")])
    assert decided(ledger) == [("1", "inspect", "missing_camera")]
    told = {problem.path: problem.problem for problem in ledger.problems()}
    assert told[str(belt / "whatever.png")] == "its name tells no serial"
    assert "the file is cut" in told[str(belt / "1_side.png")]
    for path in told:
        assert f"{path} cannot be used" in caplog.text


def test_images_of_a_camera_without_a_model_are_told_once(belt, ledger, watching, caplog):
    watching(FakeLine(["top"]))
    both(belt, "1")
    both(belt, "2")
    until(lambda: len(decided(ledger)) == 2 and "images of side are not needed" in caplog.text)
    threading.Event().wait(0.2)
    assert caplog.text.count("not needed") == 1


def test_a_pattern_tells_serial_and_camera_also_from_folders(belt, ledger, watching):
    for camera in ("oben", "seite"):
        (belt / camera).mkdir()
        write(belt / camera, "a-17.png", picture(200))
    watching(pattern="{camera}/a-{serial}")
    until(lambda: decided(ledger))
    assert decided(ledger) == [("17", "accept", "score")]


def test_a_serial_that_no_file_could_be_named_by_is_a_problem(belt, ledger, watching):
    watching(pattern=r"/(?P<serial>.+)_(?P<perspective>top|side)")
    (belt / "a").mkdir()
    write(belt / "a", "b_top.png", picture(200))
    until(lambda: ledger.problems())
    assert "separator of paths" in ledger.problems()[0].problem
    assert not decided(ledger)


class Rewriting(FakeLine):
    """The first time that it decides, somebody writes the file anew."""

    def decide(self, serial, images):
        verdict = super().decide(serial, images)
        if not hasattr(self, "done"):
            self.done = True
            write(images["top"].parent, images["top"].name, picture(10))
        return verdict


def test_a_file_that_changes_while_it_is_decided_on_is_decided_on_anew(belt, ledger, watching):
    watching(Rewriting(), wait=5)
    both(belt, "1")
    until(lambda: decided(ledger))
    top, side = ledger.last_of("1").verdict.images
    assert top.score > 0.9
    assert side.score < 0.3


class Failing(FakeLine):
    def decide(self, serial, images):
        raise MemoryError("no room")


def test_where_the_model_fails_a_person_is_to_look(belt, ledger, watching, caplog):
    watching(Failing())
    both(belt, "1")
    until(lambda: decided(ledger))
    assert decided(ledger) == [("1", "inspect", "no_score")]
    assert "the model failed (no room)" in ledger.problems()[0].problem


class Full(Ledger):
    """A ledger whose disk is full the first two times."""

    refusals = 2

    def decide(self, *arguments, **named):
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return super().decide(*arguments, **named)


def test_a_full_disk_makes_packages_wait_and_is_told_once(belt, ledger, watching, caplog, tmp_path):
    caplog.set_level(logging.INFO, "packsight.watch")
    watching(ledger=Full(tmp_path / "ledger.sqlite"))
    both(belt, "1")
    until(lambda: decided(ledger))
    until(lambda: "the ledger can be written again" in caplog.text)
    assert caplog.text.count("nothing can be recorded (database or disk is full)") == 1


def test_files_that_cannot_be_moved_stay_and_are_known(belt, ledger, watching, caplog):
    (belt / "done").write_text("in the way")
    stop = watching(moves=True)
    both(belt, "1")
    both(belt, "2")
    until(lambda: len(decided(ledger)) == 2)
    stop()
    assert caplog.text.count("cannot be moved") == 1
    assert ledger.last_of("1").files["top"] == str(belt / "1_top.png")
    (belt / "done").unlink()
    watching(moves=True)  # makes up for it
    until(lambda: len([*belt.glob("done/*/*.png")]) == 4)
    until(lambda: "done" in ledger.last_of("1").files["top"])
    assert len(decided(ledger)) == 2


def test_after_a_restart_nothing_that_stayed_is_decided_on_again(belt, ledger, watching, tmp_path):
    stop = watching()
    both(belt, "1")
    write(belt, "whatever.png", picture(1))
    until(lambda: decided(ledger) and ledger.problems())
    stop()
    watching()
    both(belt, "2")
    until(lambda: len(decided(ledger)) == 2)
    assert len(ledger.problems()) == 1
    [count] = sqlite3.connect(tmp_path / "ledger.sqlite").execute("SELECT count(*) FROM images")
    assert count == (4,)


def test_a_move_that_was_cut_short_is_made_up_for(belt, ledger, watching, tmp_path, monkeypatch):
    monkeypatch.setattr("packsight.service.watcher.put", lambda path, place: None)
    stop = watching(moves=True)
    both(belt, "1")
    until(lambda: decided(ledger))
    stop()  # as if it had been killed between the verdict and the move
    assert len([*belt.glob("*.png")]) == 2
    monkeypatch.undo()
    watching(moves=True)
    until(lambda: len([*belt.glob("done/*/*.png")]) == 2)
    [count] = sqlite3.connect(tmp_path / "ledger.sqlite").execute("SELECT count(*) FROM images")
    assert count == (2,)
    assert len(decided(ledger)) == 1
