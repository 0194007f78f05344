"""Image files that have arrived in folders, each handed out once and only when it is complete."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from packsight.arrival.completeness import ends
from packsight.preparation.layout import Name, is_image, shown

DEEP_S = 10.0  # between two looks at files that were handed out before, for new content
IDLE_SHARE = 20  # a deep look rests that many times as long as it took
FRESH_S = 3.0  # a folder's time tells of its changes only to the second, or two

Signature = tuple[int, int, int]  # size, time of change in ns, inode


class Arrived(NamedTuple):
    path: Path
    place: str  # below the watched folder, which it begins with
    name: Name
    size: int
    changed: int  # ns
    inode: int

    @property
    def signature(self) -> Signature:
        return self.size, self.changed, self.inode

    def has_changed(self) -> bool:
        """Whether its content may be another now; of a file that is gone, what was read holds."""
        with suppress(OSError):
            return _signature(str(self.path)) != self.signature
        return False


class _Waiting:
    """A file that is not known to be complete."""

    __slots__ = ("looked", "name", "place", "shows_end", "signature", "since")

    def __init__(self, place: str, name: Name, now: float) -> None:
        self.place, self.name = place, name
        self.signature: Signature | None = None
        self.since, self.shows_end, self.looked = now, False, False


class Arrivals:
    """Looks into folders. Times are seconds of a clock that never goes back."""

    def __init__(
        self,
        folders: Iterable[Path],
        name: Callable[[str], Name],
        settle: float,
        skip: Iterable[Path] = (),
        known: Callable[[Path, int, int], bool] = lambda path, size, changed: False,
        told: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`skip` are folders that are left out, `known` says of a path with its size and time that
        it has been dealt with before; `told` hears of files that are no images."""
        # Of files that are here and not taken yet, by serial and camera.
        self.coming: Counter[tuple[str | None, str | None]] = Counter()
        self._folders = [folder.absolute() for folder in folders]
        self._name, self._settle, self._is_known, self._told = name, settle, known, told
        self._skip = {str(path.absolute()) for path in skip}
        self._waiting: dict[str, _Waiting] = {}
        self._handed: dict[str, dict[str, Signature]] = defaultdict(dict)  # by folder and name
        self._has_told: set[str] = set()
        self._listed: dict[str, tuple[int, list[str]]] = {}  # folder: its time, folders in it
        self._deep_at = 0.0

    def look(self, now: float) -> list[Arrived]:
        """Files that have become complete since the last look, the oldest first."""
        started, deep = time.monotonic(), now >= self._deep_at
        before = self._handed
        if deep:  # what is no longer there needs no memory
            self._handed = defaultdict(dict)
        for folder in self._folders:
            for within, name, place in self._files(str(folder), folder.name, deep):
                self._see(within, name, place, now, before[within].get(name))
        if deep:
            took = time.monotonic() - started
            self._deep_at = now + max(DEEP_S, IDLE_SHARE * took)
        arrived = [each for path in [*self._waiting] if (each := self._completed(path, now))]
        return sorted(arrived, key=lambda each: (each.changed, each.place))

    def __len__(self) -> int:
        """How many files are not known to be complete."""
        return len(self._waiting)

    def taken(self, arrived: Arrived) -> None:
        """Tell that a file is being dealt with, so that nobody waits for it any more."""
        self._forget(arrived.name)

    def moved(self, path: Path) -> None:
        """Tell that a file was moved away: what comes under its name is new at once."""
        self._handed[str(path.parent)].pop(path.name, None)

    def again(self, arrived: Arrived, now: float) -> None:
        """Wait for a file anew, which has changed since it was handed out."""
        path = str(arrived.path)
        self.moved(arrived.path)
        self._waiting[path] = _Waiting(arrived.place, arrived.name, now)
        self.coming[arrived.name[:2]] += 1

    def _see(
        self, folder: str, name: str, place: str, now: float, before: Signature | None
    ) -> None:
        """Wait for a file that is new, or not as it was `before`."""
        path = f"{folder}{os.sep}{name}"
        if path in self._waiting:
            return
        with suppress(OSError):  # gone already
            found = _signature(path)
            if found == before or (not before and self._is_known(Path(path), *found[:2])):
                self._handed[folder][name] = found
                return
            waiting = _Waiting(place, self._name(place), now)
            self._waiting[path] = waiting
            self.coming[waiting.name[:2]] += 1

    def _completed(self, path: str, now: float) -> Arrived | None:
        """The file if it is complete: unchanged since the last look, with its end or for long."""
        waiting = self._waiting[path]
        try:
            found = _signature(path)
            if found != waiting.signature:
                waiting.signature, waiting.since, waiting.looked = found, now, False
                return None
            if not waiting.looked:
                waiting.shows_end, waiting.looked = ends(Path(path)), True
            if not waiting.shows_end and now - waiting.since < self._settle:
                return None
        except FileNotFoundError:
            del self._waiting[path]
            self._forget(waiting.name)
            return None
        except OSError:  # cannot be opened now, nor maybe ever: then it is found unusable
            if now - waiting.since < self._settle or waiting.signature is None:
                return None
            found = waiting.signature
        del self._waiting[path]
        folder, _, name = path.rpartition(os.sep)
        self._handed[folder][name] = found
        return Arrived(Path(path), waiting.place, waiting.name, *found)

    def _forget(self, name: Name) -> None:
        package = name[:2]
        self.coming[package] -= 1
        if self.coming[package] <= 0:
            del self.coming[package]

    def _files(self, folder: str, place: str, deep: bool) -> Iterator[tuple[str, str, str]]:
        """Images below a folder that may be new: their folder, name and place."""
        try:
            changed = Path(folder).stat().st_mtime_ns
            before = self._listed.get(folder)
            if before and before[0] == changed and not deep:
                inside = before[1]
            else:
                inside = yield from self._list(folder, place, deep)
                self._listed[folder] = (changed if _is_settled(changed) else -1, inside)
        except OSError as error:
            self._tell(f"{folder} cannot be looked into ({error.strerror}); it is tried again")
            return
        for name in inside:
            yield from self._files(f"{folder}{os.sep}{name}", f"{place}/{name}", deep)

    def _list(
        self, folder: str, place: str, deep: bool
    ) -> Generator[tuple[str, str, str], None, list[str]]:
        """The images of a folder that may be new, and in the end the folders in it."""
        inside: list[str] = []
        known = {} if deep else self._handed[folder]
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in known:  # of tens of thousands that stay
                    continue
                if entry.name.startswith(".") or entry.path in self._skip:
                    continue
                if entry.is_dir():
                    if not entry.is_symlink():
                        inside.append(entry.name)
                elif not is_image(entry.name):
                    suffix = Path(entry.name).suffix.lower()
                    kind = f"files ending in {suffix}" if suffix else "files without a suffix"
                    self._tell(f"{kind} are left alone: they are no images")
                elif entry.name != shown(entry.name):
                    self._tell(f"{shown(entry.path)} is left alone: its name is not UTF-8")
                else:
                    yield folder, entry.name, f"{place}/{entry.name}"
        return inside

    def _tell(self, text: str) -> None:
        """Once each."""
        if text not in self._has_told:
            self._has_told.add(text)
            self._told(text)


def _signature(path: str) -> Signature:
    found = os.stat(path)  # noqa: PTH116 (thrice as fast, for all files that wait)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _is_settled(changed: int) -> bool:
    """Whether a folder's time is so old that another change would show."""
    return time.time() - changed / 1e9 > FRESH_S
