"""The terminal: one rich console, and progress bars for long work."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import track as rich_track
from rich.text import Text

T = TypeVar("T")

console = Console()
errors = Console(stderr=True, soft_wrap=True)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` behind a progress bar that stays on the screen when it is full."""
    yield from rich_track(items, description=description, total=total, console=console)


class Speed(ProgressColumn):
    """How many a second, in a unit of one's own."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.2f} {self.unit}/s" if speed else "")


def counting(unit: str) -> Progress:
    """A progress bar to be advanced by hand, that tells how many of a unit are done a second."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(unit),
        TimeRemainingColumn(), console=console,
    )  # fmt: skip
