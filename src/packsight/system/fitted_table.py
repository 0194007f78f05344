"""Tables for the terminal that keep names and numbers whole, however narrow it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement, measure_renderables
from rich.table import Table
from rich.text import Text

GAP = 2  # blanks between columns


@dataclass(frozen=True)
class Row:
    """A name and its cells, rich markup; or a heading, which has no cells."""

    name: str
    cells: tuple[str, ...] = ()


class FittedTable:
    """A table of names and what was measured of each, which breaks lines between words alone.

    Where there is room, a row is a line. Where there is less, what stands behind a name goes below
    it, then what stands behind a number; where that is not enough, names have lines of their own.
    """

    def __init__(self, title: str, columns: Sequence[str], caption: str = "") -> None:
        self.title = title
        self.columns = columns  # the first one is that of the names
        self.caption = caption
        self._rows: list[Row] = []

    def add_heading(self, name: str) -> None:
        self._rows.append(Row(f"[bold]{name}[/]"))

    def add_row(self, name: str, *cells: str) -> None:
        """A row, of rich markup."""
        assert len(cells) == len(self.columns) - 1, cells
        self._rows.append(Row(name, cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names, *numbers = self._measure(console, options)
        room = options.max_width - GAP * len(numbers)
        whole, least = [n.maximum for n in numbers], [n.minimum for n in numbers]
        yield Text(f"\n{self.title}", style="bold")
        if names.minimum + sum(least) <= room:
            widths = whole if names.minimum + sum(whole) <= room else least
            yield self._table([min(names.maximum, room - sum(widths)), *widths], self._rows)
        else:
            widths = whole if sum(whole) <= room else least
            yield from self._apart([max(room - sum(widths), 0), *widths])
        if self.caption:
            yield Text(self.caption, style="dim italic")

    def _measure(self, console: Console, options: ConsoleOptions) -> list[Measurement]:
        """Of each column the width of its longest word and of its longest cell."""
        names = [Text(self.columns[0]), *(Text.from_markup(row.name) for row in self._rows)]
        cells = [
            [Text(column), *(Text.from_markup(row.cells[place]) for row in self._rows if row.cells)]
            for place, column in enumerate(self.columns[1:])
        ]
        return [measure_renderables(console, options, column) for column in (names, *cells)]

    def _table(self, widths: Sequence[int], rows: Sequence[Row], head: bool = True) -> Table:
        table = Table(
            box=SIMPLE_HEAD, show_header=head, show_edge=False, pad_edge=False,
            collapse_padding=True,
        )  # fmt: skip
        for place, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            # Figures that an interval follows stand below each other at the left.
            left = not place or any(" " in row.cells[place - 1] for row in self._rows if row.cells)
            table.add_column(escape(column), justify="left" if left else "right", width=width)
        for row in rows:
            if not row.cells:
                table.add_section()
            table.add_row(row.name, *row.cells)
        return table

    def _apart(self, widths: Sequence[int]) -> list[RenderableType]:
        """Names on lines of their own, each above its numbers."""
        lines: list[RenderableType] = [self._table(widths, [])]
        for row in self._rows:
            if not row.cells and len(lines) > 1:
                lines.append("")
            lines.append(Text.from_markup(row.name))
            if row.cells:
                lines.append(self._table(widths, [Row("", row.cells)], head=False))
        return lines
