"""Standard output and error: what they cannot carry, or nobody reads, ends no run."""

import codecs
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

PLAINER = {"…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "•": "*", "·": ".", "→": "->",
           "≤": "<=", "≥": ">=", "±": "+-", "█": "#", "━": "-", "╸": "-", "╺": "-", "─": "-",
           "│": "|"}  # fmt: skip
ERROR = 2  # the descriptor of standard error


def plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler of codecs: a sign's plain stand-in, or its number."""
    if isinstance(error, UnicodeEncodeError) and (sign := error.object[error.start]) in PLAINER:
        return PLAINER[sign], error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error("plainer", plainer)


class Outlet(io.FileIO):
    """A descriptor that takes everything, also when nobody reads it any more or its disk is full.

    Then it leads nowhere: output is not worth a run.
    """

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            with suppress(OSError):
                _lead_nowhere(self.fileno())
            return len(content)


def make_sturdy() -> None:
    """Let no sign, closed pipe or full disk raise from this process's own streams.

    What stands for a stream, as in a notebook, is left alone.
    """
    if sys.stdout is sys.__stdout__:
        sys.stdout = sturdy(sys.stdout)
    if sys.stderr is sys.__stderr__:
        # On a descriptor of its own, so that Python is heard where libraries are quiet.
        sys.stderr = sturdy(sys.stderr, apart=True)


def sturdy(stream: Any, apart: bool = False) -> Any:
    """A text stream over the same descriptor, or with `apart` over a copy of it."""
    if not isinstance(stream, io.TextIOWrapper):  # None, where it was closed from the start
        return stream
    if os.name == "nt" and stream.isatty():  # reached by other ways than a descriptor
        stream.reconfigure(errors="plainer")
        return stream
    stream.flush()
    try:
        descriptor = os.dup(stream.fileno()) if apart else stream.fileno()
    except OSError:
        return stream
    outlet: Any = Outlet(descriptor, "w", closefd=False)
    if isinstance(stream.buffer, io.BufferedWriter):  # not so in python -u
        outlet = io.BufferedWriter(outlet)
    return io.TextIOWrapper(
        outlet,
        stream.encoding,
        "plainer",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


_entrance = threading.Lock()
_inside = 0
_kept: int | None = None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Meanwhile C libraries, some of which tell of damaged files there, leave standard error alone.

    Any number of threads may be inside.
    """
    global _inside, _kept
    with _entrance:
        if _inside == 0:
            _kept = _mute()
        _inside += 1
    try:
        yield
    finally:
        with _entrance:
            _inside -= 1
            if _inside == 0 and _kept is not None:
                os.dup2(_kept, ERROR)
                os.close(_kept)


def _begin_anew() -> None:
    """In a process that was forked while a thread of its parent, which it lacks, was inside."""
    global _entrance, _inside
    _entrance = threading.Lock()
    if _inside and _kept is not None:
        os.dup2(_kept, ERROR)
    _inside = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _mute() -> int | None:
    """Let standard error lead nowhere; a descriptor of where it led, if it led somewhere."""
    try:
        kept = os.dup(ERROR)
    except OSError:
        return None
    _lead_nowhere(ERROR)
    return kept


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
