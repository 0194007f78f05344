"""What is kept of every package: its verdict, its images, what was wrong with files, alarms.

One process writes verdicts; each thread, and each other process, opens a ledger of its own.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packsight.arrival.arrivals import Arrived
from packsight.arrival.pairing import Image
from packsight.ledger.ledger_clearing import LedgerClearing
from packsight.ledger.ledger_entries import Entry
from packsight.line.verdict import Verdict

DECIDED, LATE, REPEATED, UNNEEDED = "decided", "late", "repeated", "unneeded"


class Alarm(NamedTuple):
    at: float
    kind: str
    camera: str
    since: float  # unix seconds; when what it tells of began
    text: str


class Problem(NamedTuple):
    at: float
    path: str
    problem: str
    place: str  # where the file is now


class Ledger(LedgerClearing):
    """A ledger's file. Raises UserError where it cannot be opened, sqlite3.Error where not used."""

    def decide(
        self,
        verdict: Verdict,
        images: Sequence[Image],
        copies: Iterable[Image] = (),
        places: Mapping[Path, Path] | None = None,
    ) -> Entry:
        """Record a verdict with the images it rests on, and further files of the same content.

        `places` are where files will lie that do not stay; what is wrong with an image becomes a
        problem. All is on the disk when this returns. Raises sqlite3.IntegrityError if an image is
        part of a verdict already.
        """
        places = places or {}
        errors = {seen.camera: seen.error for seen in verdict.images if seen.error}
        at = time.time()
        with self._change(durable=True) as change:
            id = change.execute(
                "INSERT INTO verdicts (at, serial, verdict) VALUES (?, ?, ?)",
                (at, verdict.serial, json.dumps(verdict.to_dict())),
            ).lastrowid
            for role, some in ((DECIDED, images), (REPEATED, copies)):
                for image in some:
                    _add_image(change, id, role, image, places.get(image.arrived.path))
            for image in images:
                if image.camera in errors:
                    file = image.arrived
                    _add_problem(change, file, errors[image.camera], places.get(file.path))
        assert id is not None
        files = {
            image.camera: places.get(image.arrived.path, image.arrived.path) for image in images
        }
        return Entry(id, at, verdict, {camera: str(path) for camera, path in files.items()}, False)

    def add_image(
        self, verdict: int | None, role: str, image: Image, place: Path | None = None
    ) -> None:
        """Record an image that needs no new verdict."""
        with self._change(durable=role == LATE) as change:
            _add_image(change, verdict, role, image, place)
            if role == LATE:
                change.execute("UPDATE verdicts SET late = 1 WHERE id = ?", (verdict,))

    def add_problem(self, file: Arrived, problem: str, place: Path | None = None) -> None:
        """Record what is wrong with a file."""
        with self._change() as change:
            _add_problem(change, file, problem, place)

    def known(self, image: Image) -> tuple[int, Path] | None:
        """The verdict that has an image of this content, and where that image is to be."""
        found = self._row(
            "SELECT verdict, place FROM images WHERE serial = ? AND camera = ? AND sha256 = ? "
            "AND role IN ('decided', 'late')", *image.key,
        )  # fmt: skip
        return (found[0], Path(found[1])) if found else None

    def is_known(self, path: Path, size: int, changed: int) -> bool:
        """Whether a file that came as `path`, and was left there, has been dealt with."""
        return any(
            self._row(
                f"SELECT 1 FROM {table} WHERE path = ? AND size = ? AND changed = ? "
                "AND place = path LIMIT 1", str(path), size, changed,
            )
            for table in ("images", "problems")
        )  # fmt: skip

    def move(self, path: Path, place: Path) -> None:
        """Record that a file that was, or should have been, at `path` is at `place`."""
        with self._change() as change:
            for table in ("images", "problems"):
                change.execute(
                    f"UPDATE {table} SET place = ? WHERE place = ?", (str(place), str(path))
                )

    def problems(self, count: int = 1000) -> list[Problem]:
        """Files that could not be used, newest first."""
        rows = self._connection.execute(
            "SELECT at, path, problem, place FROM problems ORDER BY id DESC LIMIT ?", (count,)
        )
        return [Problem(*row) for row in rows]

    def add_alarm(self, kind: str, camera: str, since: float, text: str) -> None:
        with self._change() as change:
            change.execute(
                "INSERT INTO alarms (at, kind, camera, since, text) VALUES (?, ?, ?, ?, ?)",
                (time.time(), kind, camera, since, text),
            )

    def alarms(self, count: int = 100) -> list[Alarm]:
        """Newest first."""
        rows = self._connection.execute(
            "SELECT at, kind, camera, since, text FROM alarms ORDER BY id DESC LIMIT ?", (count,)
        )
        return [Alarm(*row) for row in rows]


def _add_image(
    change: sqlite3.Connection, verdict: int | None, role: str, image: Image, place: Path | None
) -> None:
    file = image.arrived
    change.execute(
        "INSERT INTO images (verdict, role, serial, camera, sha256, path, size, changed, place) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (verdict, role, *image.key, str(file.path), file.size, file.changed,
         str(place or file.path)),
    )  # fmt: skip


def _add_problem(
    change: sqlite3.Connection, file: Arrived, problem: str, place: Path | None
) -> None:
    """Once, though the file is met again after a kill."""
    values = (str(file.path), file.size, file.changed, problem)
    change.execute(
        "INSERT INTO problems (path, size, changed, problem, at, place) "
        "SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM problems "
        "WHERE path = ? AND size = ? AND changed = ? AND problem = ?)",
        (*values, time.time(), str(place or file.path), *values),
    )
