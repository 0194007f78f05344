"""Whether a disk has room for what is to come: told before the work, not after."""

from pathlib import Path

from rich.markup import escape

from packsight.system.console import errors
from packsight.system.files import free_bytes


def expect_room(path: Path, needed: float, what: str) -> None:
    """Warn in a line if fewer than the `needed` bytes are free where `path` is or will be.

    An estimate is no reason to refuse: what does not fit is refused when it is written.
    """
    free = free_bytes(path)
    if free < needed:
        errors.print(
            f"[yellow]little room:[/] about {needed / 1e6:,.0f} MB are needed for {what}, "
            f"and {free / 1e6:,.0f} MB are free for {escape(str(path))}.",
            highlight=False,
        )


_to_come = 1  # runs that this process is to begin, as far as anybody told


def plan_runs(number: int) -> None:
    """So many runs follow in this process: the first to begin tells whether all find room."""
    global _to_come
    _to_come = number


def one_run_less() -> None:
    """A run that was planned is over, or had been done before."""
    plan_runs(max(_to_come - 1, 1))


def expect_room_for_run(path: Path, kept: float, passing: float) -> None:
    """Warn, as `expect_room` does, of a run that leaves `kept` bytes and takes `passing` a while.

    The first of a sweep speaks for all, as if they were as large; each of the others for itself.
    """
    what = f"{_to_come} runs like this one" if _to_come > 1 else "the run"
    expect_room(path, _to_come * kept + passing, what)
    plan_runs(1)
