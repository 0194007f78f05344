"""A ledger's file: what it holds, how it is opened, and changes that are whole or not made."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packsight.errors import UserError
from packsight.system.files import making_folder

FORMAT = 1
BUSY_S = 30.0
# An image's `role` is decided (its verdict rests on it), late (it came after that), repeated (its
# content had been there) or unneeded (no model looks at its camera). `path` is where a file came,
# with its size and time there, and `place` where it is, or will be once it is moved.
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, serial TEXT NOT NULL,
    verdict TEXT NOT NULL, late INTEGER NOT NULL DEFAULT 0);
CREATE INDEX verdicts_at ON verdicts (at);
CREATE INDEX verdicts_serial ON verdicts (serial);
CREATE TABLE images (
    id INTEGER PRIMARY KEY, verdict INTEGER REFERENCES verdicts (id), role TEXT NOT NULL,
    serial TEXT NOT NULL, camera TEXT NOT NULL, sha256 TEXT NOT NULL,
    path TEXT NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL, place TEXT NOT NULL);
CREATE UNIQUE INDEX images_once ON images (serial, camera, sha256)
    WHERE role IN ('decided', 'late');
CREATE INDEX images_path ON images (path);
CREATE INDEX images_verdict ON images (verdict);
CREATE INDEX images_place ON images (place);
CREATE TABLE problems (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
    changed INTEGER NOT NULL, problem TEXT NOT NULL, place TEXT NOT NULL);
CREATE INDEX problems_path ON problems (path);
CREATE INDEX problems_place ON problems (place);
CREATE TABLE receivers (
    name TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', since REAL);
CREATE TABLE alarms (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, camera TEXT NOT NULL,
    since REAL NOT NULL, text TEXT NOT NULL);
"""


class LedgerFile:
    """A connection, for one thread at a time."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        """Raises UserError where the file cannot be opened."""
        self._connection = _opened(path, read_only)
        [self.origin] = self._row("SELECT value FROM about WHERE name = 'origin'")

    def close(self) -> None:
        self._connection.close()

    def _row(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

    @contextmanager
    def _change(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; a durable change outlives a power cut, others are made up for."""
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _opened(path: Path, read_only: bool) -> sqlite3.Connection:
    """A connection to the ledger, which is made where there is none.

    Raises UserError where it cannot be opened, or is another kind of file.
    """
    if not read_only:
        making_folder(path.parent)
    source = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        connection = sqlite3.connect(
            source, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        if not read_only:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file
            connection.execute("PRAGMA journal_mode = WAL")
            _make(connection)
        found = connection.execute("SELECT value FROM about WHERE name = 'format'").fetchone()
    except sqlite3.Error as error:
        raise UserError(
            f"{path} cannot be opened as a ledger ({error}); make room where the disk is full, "
            "else move the file away, and a new one is made."
        ) from error
    if int(found[0]) > FORMAT:
        raise UserError(f"{path} is of a newer packsight (format {found[0]}); use that one.")
    return connection


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            known = [("format", str(FORMAT)), ("origin", secrets.token_hex(4))]
            connection.executemany("INSERT INTO about VALUES (?, ?)", known)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def alone(path: Path) -> sqlite3.Connection:
    """Hold the ledger for this process alone, until the connection is closed or the process ends.

    Raises UserError if another process holds it.
    """
    making_folder(path.parent)
    lock = path.with_name(f"{path.name}.lock")
    connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        connection.close()
        raise UserError(
            f"{path.parent} is in the hands of another watch ({error}); stop that one, or give "
            "this one a folder of its own with --home."
        ) from error
    return connection
