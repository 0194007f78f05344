"""The benchmark: its sections, their results as JSON, and a table of each."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.markup import escape

from packsight.benchmark.measure import Spread, plain, skipped
from packsight.benchmark.work import Work
from packsight.configuration.schema import BenchmarkConfig
from packsight.errors import UserError
from packsight.system.console import console
from packsight.system.files import write_json
from packsight.system.fitted_table import FittedTable

GPU = "gpu"
# Module of this package and function; imported when its turn comes, because torch takes seconds.
SECTIONS = {
    "processes": ("training", "whole_processes"),
    "levers": ("training", "levers"),
    "sweep": ("sweep", "sweep_cost"),
    "data": ("data", "data_rates"),
    "steps": ("steps", "step_rates"),
    "startup": ("startup", "startup_times"),
    "usage": ("usage", "usage"),
    "line": ("line", "line_costs"),
    GPU: ("gpu", "gpu_costs"),
}

NO_GPU = "needs a CUDA GPU, and torch finds none here"


def benchmark(cfg: BenchmarkConfig) -> Path:
    """Measure the sections that are asked for; results are written after each."""
    from packsight.runs.state import environment  # brings torch
    from packsight.training.precision import choose_device

    no_gpu = choose_device("auto").type != "cuda"
    if no_gpu and cfg.sections == [GPU]:
        raise UserError(f"sections=[{GPU}] {NO_GPU}; choose others.")
    work = Work(cfg, Path(cfg.output).resolve())
    work.prepare()
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "config": cfg.model_dump(),
    }
    file = work.folder / "benchmark.json"
    for section in cfg.sections:
        if section == GPU and no_gpu:
            skipped(section, NO_GPU)
            continue
        module, function = SECTIONS[section]
        measure = getattr(import_module(f"packsight.benchmark.{module}"), function)
        results = measure(work)
        report[section] = plain(results)
        write_json(file, report)
        console.print(table(section, results))
    console.print(f"results: [cyan]{file}[/]", soft_wrap=True)
    return file


def table(section: str, results: Mapping[str, Any]) -> FittedTable:
    """A row for each thing measured, a column for each number: its median, and range if it fits."""
    rows = dict(_rows(results))
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    heads = [
        column.replace("images_per_second", "images/s").replace("_ratio", "_×").replace("_", " ")
        for column in columns
    ]
    found = FittedTable(section, ("", *heads))
    for name, row in rows.items():
        cells = (_shown(row.get(column, ""), len(columns) > 5) for column in columns)
        found.add_row(escape(name), *map(escape, cells))
    return found


def _rows(results: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, numbers) of each mapping that holds numbers; a number of the first level is a row."""
    numbers = {key: value for key, value in results.items() if not isinstance(value, Mapping)}
    if path and numbers:
        yield path, numbers
    for key, value in results.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{path}, {key}" if path else key)
        elif not path:
            yield key, {"": value}


def _shown(value: Any, short: bool) -> str:
    if isinstance(value, Spread) and short:
        value = value.median
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
