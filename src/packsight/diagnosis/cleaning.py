"""Removing what is safe to remove."""

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packsight.diagnosis.finding import Finding, Kind
from packsight.errors import UserError
from packsight.system.half_written import is_silent
from packsight.system.lock import BusyError, locked


def clean(finding: Finding) -> Finding:
    """Remove what was found if that is safe; the finding, with whether it is gone now."""
    path = Path(finding.path)
    if not finding.cleanable:
        return finding
    with suppress(OSError, UserError):
        if finding.kind == Kind.LOCK:
            _give_back(path)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    gone = not path.exists()
    told = finding.told if gone else f"could not be removed; {finding.told}"
    return replace(finding, cleaned=gone, told=told)


def _give_back(lock: Path) -> None:
    """Take a lock and give it back, so that whoever has got hold of it meanwhile keeps it.

    Another machine's cannot be taken at once; it is removed when it was silent for long.
    """
    try:
        with locked(lock, "", wait=False):
            pass
    except BusyError:
        if is_silent(lock):
            lock.unlink()
