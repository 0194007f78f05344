"""The terminal: one rich console, and progress bars for long work."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

T = TypeVar("T")

console = Console()
errors = Console(stderr=True, soft_wrap=True)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` behind a progress bar that stays on the screen when it is full."""
    yield from rich_track(items, description=description, total=total, console=console)
