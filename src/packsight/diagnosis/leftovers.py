"""What processes left behind that were killed: locks, half-written files, runs begun."""

import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from packsight.diagnosis.finding import Finding, Kind
from packsight.errors import UserError
from packsight.system.files import read_json
from packsight.system.lock import LEASE_S

SILENT_S = 600.0  # what nobody has written to for so long is nobody's; clocks of machines differ
DAY_S = 86_400.0
WRITTEN = re.compile(r"\.(\d+)\..+")  # see files.replacing
UNPACKED = re.compile(r"\..+\.[a-z0-9_]{8}")  # see archive.extract and preparation.prepare
BEGUN = "running"  # what status.json says of a run that somebody is at


def find_leftovers(outputs: Path) -> Iterator[Finding]:
    """Everything of that kind below `outputs`, and packsight's own in the temporary folder."""
    for path in _walked(outputs):
        shared = path.parent in (outputs / "data", outputs / "cache")
        if path.suffix == ".lock":  # cache/.lock, which stays where nobody holds it, has none
            if (shared or path.name.startswith(".")) and is_dead(path):
                yield Finding(Kind.LOCK, str(path), "of no use; it is replaced when it is needed")
        elif path.name.startswith("."):
            yield from _half_written(path, shared)
        elif path.name == "status.json":
            yield from _abandoned(path.parent)
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob("packsight-*"):
            if path.is_dir() and _silent_s(path) > DAY_S:
                told = "nothing was written to it for a day; remove it if no packsight is at work"
                yield Finding(Kind.SET_ASIDE, str(path), told)


def is_dead(lock: Path) -> bool:
    """Whether nobody holds a lock: its owner is silent, or a process of this machine that ended."""
    try:
        if time.time() - lock.stat().st_mtime > LEASE_S:
            return True
        lines = lock.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    owner = dict(line.split("=", 1) for line in lines if "=" in line)
    here = owner.get("host") == socket.gethostname() and owner.get("pid", "").isdecimal()
    return here and not _lives(int(owner["pid"]))


def _walked(folder: Path) -> Iterator[Path]:
    """Files and folders below a folder; those whose name begins with a dot are not entered."""
    for place, folders, files in os.walk(folder):
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden))
        yield from (Path(place, name) for name in sorted(hidden + files))


def _half_written(path: Path, shared: bool) -> Iterator[Finding]:
    """A file that was to replace another, or in a `shared` folder one that was being filled."""
    if shared and path.suffix == ".old" and UNPACKED.fullmatch(path.stem) and is_silent(path):
        name = path.stem[1:].rpartition(".")[0]
        told = f"what {name} was before it was prepared again; rename it to {name}, or remove it"
        yield Finding(Kind.SET_ASIDE, str(path), told)
        return
    written = WRITTEN.fullmatch(path.name)
    dead = not _lives(int(written[1])) if written else shared and UNPACKED.fullmatch(path.name)
    if dead and is_silent(path):
        yield Finding(Kind.TEMPORARY, str(path), "of no use")


def _abandoned(run: Path) -> Iterator[Finding]:
    """A run that says it is running, and whose lock nobody holds."""
    lock = run.with_name(f".{run.name}.lock")
    with suppress(UserError):  # a damaged one is found as such
        status = read_json(run / "status.json", ["state"])
        if status["state"] == BEGUN and (not lock.exists() or is_dead(lock)):
            told = "its process was killed; give the same command again, and it goes on"
            yield Finding(Kind.RUNNING, str(run), told)


def _lives(pid: int) -> bool:
    """Whether a process of that number is there, so far as the system tells."""
    if os.name == "nt":  # where to ask would be to end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def is_silent(path: Path) -> bool:
    """Whether nobody has written there for so long that nobody will."""
    return _silent_s(path) > SILENT_S


def _silent_s(path: Path) -> float:
    """Seconds since something was written there, or anywhere below it."""
    newest = 0.0
    for place in (path, *path.rglob("*")):
        with suppress(OSError):
            newest = max(newest, place.lstat().st_mtime)
    return time.time() - newest
