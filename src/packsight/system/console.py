"""The terminal: one rich console, and progress bars for long work."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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

from packsight.system.streams import make_sturdy

T = TypeVar("T")

make_sturdy()
console = Console()
errors = Console(stderr=True, soft_wrap=True)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` behind a progress bar that stays on the screen when it is full."""
    yield from rich_track(items, description=description, total=total, console=console)


class Rate(ProgressColumn):
    """How many a second since the start: the time between two steps would say little of few."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed
        if not elapsed or not task.completed:
            return Text("")
        speed = task.completed / elapsed
        shown = f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"
        return Text(f"{shown} {task.fields['unit']}/s")


@contextmanager
def counted(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A progress bar with a rate; yields what to call with how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total, unit=unit)
        yield lambda count: progress.advance(task, count)
