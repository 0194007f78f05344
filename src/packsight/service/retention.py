"""What the service keeps is kept for so many days: then it leaves the ledger and annotated/."""

import logging
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from packsight.errors import UserError
from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_clearing import Old, Stayed
from packsight.monitoring.monitoring import spared

DAY_S = 86_400.0
EVERY_S = 3600.0  # between two clearings
END_S = 5.0  # for what is in hand
BATCH = 25  # rows looked at, and removed, at once
REST_SHARE, LEAST_REST_S = 9, 0.01  # a batch rests that many times as long as it took
DAY = re.compile(r"\d{4}-\d\d-\d\d")
log = logging.getLogger("packsight.watch")


class Retention(threading.Thread):
    """Clears from time to time, slowly, so that no package waits for it."""

    def __init__(
        self,
        ledger: Path,
        annotated: Path,
        days: int,
        roots: Sequence[Path],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`roots` are the watched folders. `days` above 0."""
        super().__init__(name="retention", daemon=True)
        self._path, self._annotated, self._days, self._clock = ledger, annotated, days, clock
        self._roots = [root.absolute() for root in roots]
        self._ending = threading.Event()
        self._problem = ""

    def end(self) -> None:
        self._ending.set()
        if self.is_alive():
            self.join(END_S)

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                self.clear()
                self._problem = ""
            except (OSError, sqlite3.Error, UserError) as error:  # such as of a disk that is full
                if not self._problem:
                    log.warning("what is older than %d days stays for now (%s)", self._days, error)
                self._problem = str(error)
            self._ending.wait(EVERY_S)

    def clear(self) -> int:
        """Remove what is too old, or until the end comes; how many packages left the ledger."""
        before = self._clock() - self._days * DAY_S
        self._clear_days(before)
        with closing(Ledger(self._path)) as ledger:
            spare = spared(ledger, self._path.parent)
            count = self._clear_rows(
                partial(ledger.old_packages, before), ledger.forget_packages, spare
            )
            self._clear_rows(partial(ledger.old_images, before), ledger.forget_images)
            self._clear_rows(partial(ledger.old_problems, before), ledger.forget_problems)
            ledger.forget_alarms(before)
            while ledger.shrink() and not self._ending.wait(LEAST_REST_S):
                pass
        if count:
            log.info("%d packages older than %d days have left the ledger", count, self._days)
        return count

    def _clear_rows(
        self,
        old: Callable[[int, int], Old],
        forget: Callable[[list[int]], None],
        spare: Callable[[int], bool] = lambda id: False,
    ) -> int:
        """Forget rows whose files are no longer there, but for those to `spare`; how many."""
        count = last = 0
        while not self._ending.is_set():
            started = time.monotonic()
            if not (found := old(last, BATCH)):
                break
            last = max(found)
            ids = [
                id for id, files in found.items() if not spare(id) and all(map(self._gone, files))
            ]
            if ids:
                forget(ids)
            count += len(ids)
            took = time.monotonic() - started
            self._ending.wait(max(LEAST_REST_S, REST_SHARE * took))
        return count

    def _gone(self, file: Stayed) -> bool:
        """Whether a file that was left where it came is there no more.

        While it is, forgetting it would have it decided on again at the next start. An empty
        folder may be a disk that is not mounted: it tells nothing.
        """
        try:
            found = os.stat(file.path)  # noqa: PTH116 (as arrivals does)
            return (found.st_size, found.st_mtime_ns) != (file.size, file.changed)
        except FileNotFoundError:
            return self._can_tell(Path(file.path))
        except OSError:
            return False

    def _can_tell(self, path: Path) -> bool:
        for folder in path.parents:
            try:
                with os.scandir(folder) as entries:
                    return next(entries, None) is not None
            except FileNotFoundError:
                if folder in self._roots:
                    return False
            except OSError:
                return False
        return False

    def _clear_days(self, before: float) -> None:
        """Remove days of annotated images that ended before a time."""
        first = time.strftime("%Y-%m-%d", time.localtime(before))
        if not self._annotated.is_dir():
            return
        for folder in sorted(self._annotated.iterdir()):
            if DAY.fullmatch(folder.name) and folder.name < first and not self._ending.is_set():
                shutil.rmtree(folder)
