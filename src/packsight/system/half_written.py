"""What killed processes leave where they wrote: temporaries of files and of folders."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SILENT_S = 600.0  # what nobody has written to for so long is nobody's; clocks of machines differ
_FILE = re.compile(r"\.(\d+)\.(.+)", re.DOTALL)  # see files.replacing
_FOLDER = re.compile(r"\.(.+)\.[a-z0-9_]{8}", re.DOTALL)  # see archive.extract, replacing_folder


def writer(temporary: Path) -> int | None:
    """The process that wrote, or writes, a temporary file; None for a file that is none."""
    found = _FILE.fullmatch(temporary.name)
    return int(found[1]) if found else None


def target(temporary: Path) -> str | None:
    """The name of the folder that a temporary one was to become; None for one that is none."""
    found = _FOLDER.fullmatch(temporary.name)
    return found[1] if found else None


def clear_below(folder: Path) -> None:
    """Remove temporary files anywhere below a folder that the caller holds alone.

    Their processes' numbers tell nothing: in a container each start may have the same.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            if name.startswith(".") and _FILE.fullmatch(name):
                with suppress(OSError):
                    Path(place, name).unlink()


def clear_beside(path: Path) -> None:
    """Remove temporary files and folders of `path`, which nobody but the caller makes."""
    for temporary in _beside(path):
        with suppress(OSError):
            if temporary.is_dir():
                shutil.rmtree(temporary)
            else:
                temporary.unlink()


def clear_dead_beside(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended; others may make it too."""
    for temporary in _beside(path):
        number = writer(temporary)
        if number is not None and not lives(number) and is_silent(temporary):
            with suppress(OSError):
                temporary.unlink()


def _beside(path: Path) -> Iterator[Path]:
    with suppress(OSError):
        for name in os.listdir(path.parent):  # noqa: PTH208 (names are enough)
            file, folder = _FILE.fullmatch(name), _FOLDER.fullmatch(name)
            if (file and file[2] == path.name) or (folder and folder[1] == path.name):
                yield path.parent / name


def lives(process: int) -> bool:
    """Whether a process of that number is there, so far as the system tells."""
    if os.name == "nt":  # where to ask would be to end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def is_silent(path: Path) -> bool:
    """Whether nobody has written there for so long that nobody will."""
    return silent_s(path) > SILENT_S


def silent_s(path: Path) -> float:
    """Seconds since something was written there, or anywhere below it."""
    newest = 0.0
    for place in (path, *path.rglob("*")):
        with suppress(OSError):
            newest = max(newest, place.lstat().st_mtime)
    return time.time() - newest
