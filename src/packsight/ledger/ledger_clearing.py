"""What leaves a ledger once it is old, some at a time."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from packsight.ledger.ledger_entries import LedgerEntries

FREE_SHARE = 4  # of the pages, a share that is free and not reused goes back to the disk
STEP = 256  # pages that are given back at once


class Stayed(NamedTuple):
    """A file that was left where it came; while it is there, the ledger has to know it."""

    path: str
    size: int
    changed: int  # ns


Old = dict[int, list[Stayed]]  # files of each row, by its id


class LedgerClearing(LedgerEntries):
    """`before` are unix seconds; what is old is looked for `after` an id, oldest first."""

    def old_packages(self, before: float, after: int, limit: int) -> Old:
        """Verdicts that every receiver has acknowledged, with those of their files that stayed."""
        rows = self._connection.execute(
            "SELECT id FROM verdicts WHERE id > ? AND at < ? AND id <= "
            "(SELECT coalesce(min(acknowledged), 0) FROM receivers) ORDER BY id LIMIT ?",
            (after, before, limit),
        ).fetchall()
        found: Old = {id: [] for [id] in rows}
        for id, *file in self._connection.execute(
            "SELECT verdict, path, size, changed FROM images "
            f"WHERE place = path AND verdict IN ({_marks(found)})", [*found],
        ):  # fmt: skip
            found[id].append(Stayed(*file))
        return found

    def old_images(self, before: float, after: int, limit: int) -> Old:
        """Images that belong to no verdict, or to one that has left."""
        # They have no time; what came before the images of the first younger verdict is old.
        [end] = self._row(
            "SELECT min(id) FROM images WHERE verdict = "
            "(SELECT min(id) FROM verdicts WHERE at >= ?)", before,
        )  # fmt: skip
        return self._old(
            "images WHERE id > ? AND id < ? AND NOT EXISTS "
            "(SELECT 1 FROM verdicts WHERE verdicts.id = images.verdict)", after, end or 0, limit,
        )  # fmt: skip

    def old_problems(self, before: float, after: int, limit: int) -> Old:
        return self._old("problems WHERE id > ? AND at < ?", after, before, limit)

    def _old(self, where: str, *values: Any) -> Old:
        rows = self._connection.execute(
            f"SELECT id, path, size, changed, place FROM {where} ORDER BY id LIMIT ?", values
        )
        return {
            id: [Stayed(path, *times)] if path == place else [] for id, path, *times, place in rows
        }

    def forget_packages(self, ids: Iterable[int]) -> None:
        """Verdicts and their images; ids are never given again."""
        ids = [*ids]
        with self._change() as change:
            change.execute(f"DELETE FROM images WHERE verdict IN ({_marks(ids)})", ids)
            change.execute(f"DELETE FROM verdicts WHERE id IN ({_marks(ids)})", ids)

    def forget_images(self, ids: Iterable[int]) -> None:
        self._forget("images", ids)

    def forget_problems(self, ids: Iterable[int]) -> None:
        self._forget("problems", ids)

    def _forget(self, table: str, ids: Iterable[int]) -> None:
        ids = [*ids]
        with self._change() as change:
            change.execute(f"DELETE FROM {table} WHERE id IN ({_marks(ids)})", ids)

    def forget_alarms(self, before: float) -> None:
        with self._change() as change:
            change.execute("DELETE FROM alarms WHERE at < ?", (before,))

    def shrink(self) -> bool:
        """Give some pages back to the disk, where many are free; whether there may be more.

        Those that are left are used for new packages.
        """
        [pages], [free] = self._row("PRAGMA page_count"), self._row("PRAGMA freelist_count")
        [mode] = self._row("PRAGMA auto_vacuum")
        if mode == 0 or free <= max(pages // FREE_SHARE, STEP):
            return False
        # A page is a step of the statement, and `execute` makes one only.
        self._connection.executescript(f"PRAGMA incremental_vacuum({STEP})")
        return True


def _marks(values: Iterable[Any]) -> str:
    return ",".join("?" for _ in values)
