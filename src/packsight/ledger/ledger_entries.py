"""What a ledger tells of verdicts, and of the receivers that have heard of them."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from packsight.ledger.ledger_file import LedgerFile
from packsight.line.verdict import Verdict

PAGE = 500  # rows read at once


class Entry(NamedTuple):
    id: int
    at: float  # unix seconds
    verdict: Verdict
    files: dict[str, str]  # of each camera, where the image is now
    late: bool  # an image of it came after it was decided on


class ReceiverState(NamedTuple):
    name: str
    acknowledged: int  # the verdict up to which it has all
    attempts: int  # in vain, since it last acknowledged
    error: str
    since: float | None  # unix seconds; when it stopped acknowledging
    pending: int


class LedgerEntries(LedgerFile):
    def recent(self, count: int) -> list[Entry]:
        """The newest verdicts, newest first."""
        return self._entries("ORDER BY id DESC LIMIT ?", count)

    def after(self, id: int, limit: int) -> list[Entry]:
        """Verdicts after one, oldest first."""
        return self._entries("WHERE id > ? ORDER BY id LIMIT ?", id, limit)

    def since(self, at: float) -> Iterator[Entry]:
        """Verdicts since a time, oldest first."""
        [first] = self._row("SELECT min(id) FROM verdicts WHERE at >= ?", at)
        while first is not None and (entries := self.after(first - 1, PAGE)):
            yield from entries
            first = entries[-1].id + 1

    def last_of(self, serial: str) -> Entry | None:
        """The newest verdict on a serial."""
        where = "WHERE serial = ? ORDER BY id DESC LIMIT 1"
        return next(iter(self._entries(where, serial)), None)

    def add_receiver(self, name: str) -> None:
        """Make a receiver known, which hears of all verdicts from now on."""
        with self._change(durable=True) as change:
            change.execute(
                "INSERT OR IGNORE INTO receivers (name, acknowledged) "
                "SELECT ?, coalesce(max(id), 0) FROM verdicts", (name,),
            )  # fmt: skip

    def keep_receivers(self, names: Iterable[str]) -> list[ReceiverState]:
        """Forget receivers that are no longer wanted; gives how they stood."""
        gone = [state for state in self.receivers() if state.name not in {*names}]
        with self._change() as change:
            for state in gone:
                change.execute("DELETE FROM receivers WHERE name = ?", (state.name,))
        return gone

    def unsent(self, receiver: str, limit: int) -> list[Entry]:
        """What a receiver has not acknowledged, oldest first."""
        where = "WHERE id > (SELECT acknowledged FROM receivers WHERE name = ?) ORDER BY id LIMIT ?"
        return self._entries(where, receiver, limit)

    def acknowledged(self, receiver: str) -> int:
        """The verdict up to which a receiver has all."""
        found = self._row("SELECT acknowledged FROM receivers WHERE name = ?", receiver)
        return int(found[0]) if found else 0

    def acknowledge(self, receiver: str, id: int) -> None:
        """A receiver has all verdicts up to this one."""
        with self._change() as change:
            change.execute(
                "UPDATE receivers SET acknowledged = max(acknowledged, ?), attempts = 0, "
                "error = '', since = NULL WHERE name = ?", (id, receiver),
            )  # fmt: skip

    def failed(self, receiver: str, error: str) -> None:
        """A receiver could not be reached."""
        with self._change() as change:
            change.execute(
                "UPDATE receivers SET attempts = attempts + 1, error = ?, "
                "since = coalesce(since, ?) WHERE name = ?", (error, time.time(), receiver),
            )  # fmt: skip

    def receivers(self) -> list[ReceiverState]:
        rows = self._connection.execute(
            "SELECT name, acknowledged, attempts, error, since, "
            "(SELECT count(*) FROM verdicts WHERE id > acknowledged) FROM receivers ORDER BY name"
        )
        return [ReceiverState(*row) for row in rows]

    def pending(self) -> dict[str, int]:
        """How many verdicts each receiver has not acknowledged."""
        return {state.name: state.pending for state in self.receivers()}

    def _entries(self, where: str, *values: Any) -> list[Entry]:
        query = f"SELECT id, at, verdict, late FROM verdicts {where}"
        rows = self._connection.execute(query, values).fetchall()
        files: dict[int, dict[str, str]] = {id: {} for id, *_ in rows}
        if rows:
            wanted = ",".join("?" * len(rows))
            for verdict, camera, place in self._connection.execute(
                "SELECT verdict, camera, place FROM images "
                f"WHERE role = 'decided' AND verdict IN ({wanted})", [*files],
            ):  # fmt: skip
                files[verdict][camera] = place
        return [
            Entry(id, at, Verdict.from_dict(json.loads(verdict)), files[id], bool(late))
            for id, at, verdict, late in rows
        ]
