"""Where files go once they are decided on."""

import time
from pathlib import Path

from packsight.system.files import sha256

DONE, FAILED = "done", "failed"


def place_for(path: Path, root: Path, folder: str) -> Path:
    """A free place for a file of the watched folder `root`, below its `folder` and today's date.

    A place that holds the same content counts as free.
    """
    wanted = root / folder / time.strftime("%Y-%m-%d") / path.relative_to(root)
    place, number = wanted, 1
    while place.exists() and not _same(place, path):
        number += 1
        place = wanted.with_stem(f"{wanted.stem}~{number}")
    return place


def put(path: Path, place: Path) -> None:
    """Move a file. Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path.replace(place)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.stat().st_size == second.stat().st_size and sha256(first) == sha256(second)
    except OSError:
        return False
