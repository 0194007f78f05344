"""Verdicts appended to a file, a line of JSON each: none twice, and none in part."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from packsight.errors import UserError
from packsight.ledger.ledger_entries import Entry
from packsight.receivers.receiver import Receiver, message

TAIL = 1 << 16  # bytes from the end in which the last line begins


class JsonLines(Receiver):
    """The file may be moved away while it is written: the next verdict begins a new one."""

    def __init__(self, path: Path, origin: str) -> None:
        """Raises UserError for a file that holds anything else."""
        with suppress(OSError), path.open("rb") as file:  # else told when it is written
            if file.read(1) not in (b"", b"{"):
                raise UserError(
                    f"--json-lines {path} is a file that holds no verdicts; name another."
                )
        self.name = f"file {path}"
        self._path, self._origin = path, origin

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        with self._path.open("a+b", buffering=0) as file:
            last = self._mend(file)
            new = [entry for entry in entries if entry.id > last]
            lines = [json.dumps(message(entry, self._origin)) + "\n" for entry in new]
            left = memoryview("".join(lines).encode())
            end = file.seek(0, os.SEEK_END)
            try:
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except OSError:  # a full disk takes a part
                file.truncate(end)
                raise
        yield from (entry.id for entry in entries)

    def _mend(self, file: IO[bytes]) -> int:
        """Cut off a line that a process left half written; gives the last verdict's id, or 0."""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - TAIL, 0))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            file.truncate(size - len(tail) + len(whole))
        try:
            told = json.loads(whole.splitlines()[-1])
            return int(told["id"]) if told["ledger"] == self._origin else 0
        except (IndexError, KeyError, TypeError, ValueError):
            return 0
