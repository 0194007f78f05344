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
            f"[yellow]little room:[/] {what} needs about {needed / 1e6:,.0f} MB, and "
            f"{free / 1e6:,.0f} MB are free for {escape(str(path))}.",
            highlight=False,
        )
