"""What processes left behind that were killed: locks, half-written files, runs begun."""

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from packsight.diagnosis.finding import Finding, Kind
from packsight.errors import UserError
from packsight.system.files import read_json
from packsight.system.half_written import is_silent, lives, silent_s, target, writer
from packsight.system.lock import LEASE_S

DAY_S = 86_400.0
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
            if path.is_dir() and silent_s(path) > DAY_S:
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
    return here and not lives(int(owner["pid"]))


def _walked(folder: Path) -> Iterator[Path]:
    """Files and folders below a folder; those whose name begins with a dot are not entered."""
    for place, folders, files in os.walk(folder):
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden))
        yield from (Path(place, name) for name in sorted(hidden + files))


def _half_written(path: Path, shared: bool) -> Iterator[Finding]:
    """A file that was to replace another, or in a `shared` folder one that was being filled."""
    old = target(path.with_suffix("")) if shared and path.suffix == ".old" else None
    if old and is_silent(path):
        told = f"what {old} was before it was prepared again; rename it to {old}, or remove it"
        yield Finding(Kind.SET_ASIDE, str(path), told)
        return
    number = writer(path)
    dead = not lives(number) if number is not None else shared and target(path)
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
