"""Findings and surroundings for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from packsight.diagnosis.finding import Finding, Kind
from packsight.system.console import console


def show_environment(sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Print each section as names and values."""
    for title, values in sections.items():
        if not values:
            continue
        table = Table(box=None, show_header=False, pad_edge=False, title_justify="left",
                      title=Text(title, style="bold"))  # fmt: skip
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in values.items():
            table.add_row(escape(f"  {name}"), escape(_shown(name, value)))
        console.print(table)


def show_findings(findings: Sequence[Finding], outputs: Path, fixing: bool) -> None:
    """Print what is damaged or left over, by kind, and what can be done about it."""
    if not findings:
        console.print(f"[green]nothing in {escape(str(outputs))} is damaged or left over.[/]")
        return
    for kind in Kind:
        own = [finding for finding in findings if finding.kind == kind]
        if own:
            console.print(f"[bold yellow]{kind}[/]: {len(own)}", highlight=False)
        for finding in own:
            mark = "[green]removed:[/] " if finding.cleaned else ""
            line = f"  {mark}[cyan]{escape(finding.path)}[/]: {escape(finding.told)}"
            console.print(line, soft_wrap=True, highlight=False)
    left = sum(finding.cleanable and not finding.cleaned for finding in findings)
    if left and not fixing:
        console.print(f"fix=true removes what is safe to remove: {left} of these.", soft_wrap=True)


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "not known, or without a limit" if "allowed" in name else "not known"
    return f"{value / 1e9:,.1f} GB" if name.startswith("memory") else str(value)
