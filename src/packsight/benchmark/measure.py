"""Whole processes, measured from outside, and calls in this one, one after the other in turns."""

import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from packsight.system.console import console, errors, track
from packsight.system.files import read_json
from packsight.system.malloc import KEEP

Numbers = dict[str, float]
LAUNCHER = str(Path(__file__).with_name("launcher.py"))


@dataclass(frozen=True)
class Contender:
    """A command to be measured. `reset` undoes what its last run left behind."""

    command: Sequence[str]
    folder: Path  # working directory
    steps: Path | None = None  # where it writes when its training steps ended
    reset: Callable[[], object] = field(default=lambda: None)
    environment: Mapping[str, str] = field(default_factory=dict)  # variables of its own


@dataclass(frozen=True)
class Spread:
    """The median of a few measurements, and their range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g}–{self.high:.3g})"


def images_per_second(steps: Sequence[tuple[int, int, float, float]]) -> float:
    """The rate from the end of each epoch's first step to that of its last, first epoch left out.

    Steps are (epoch, images, begin, end), in seconds. So neither start-up nor what happens between
    epochs (validation, checkpoints) counts.
    """
    images, seconds = 0, 0.0
    first_epoch = steps[0][0]
    for epoch in sorted({epoch for epoch, *_ in steps} - {first_epoch}) or [first_epoch]:
        first, *others = (step for step in steps if step[0] == epoch)
        images += sum(step[1] for step in others)
        seconds += others[-1][3] - first[3] if others else 0.0
    return images / seconds if seconds else float("nan")


def run(contender: Contender) -> Numbers:
    """Measure one process from its start to its end: seconds, CPU seconds, peak memory, and steps.

    Raises RuntimeError with its output if it fails.
    """
    contender.reset()
    log = contender.folder / "process.log"
    # Without what this process set for those that it starts: a peer would have it too.
    inherited = {key: value for key, value in os.environ.items() if key not in KEEP}
    used = contender.folder / "process.json"
    with log.open("w", encoding="utf-8") as output:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", LAUNCHER, str(used.absolute()), *contender.command],
            cwd=contender.folder, stdout=output, stderr=subprocess.STDOUT,
            env=inherited | dict(contender.environment),
        )  # fmt: skip
    if ended.returncode:
        end = log.read_text(encoding="utf-8")[-2000:]
        raise RuntimeError(f"{' '.join(contender.command)} failed:\n{end}")
    numbers: Numbers = read_json(used)
    started = numbers.pop("started")
    if contender.steps:
        steps = read_json(contender.steps)
        numbers["first_step"] = steps[0][3] - started
        numbers["images_per_second"] = images_per_second(steps)
    return numbers


def interleaved(
    contenders: Mapping[str, Contender], repetitions: int, description: str
) -> dict[str, dict[str, Spread]]:
    """Each contender in turn, that many times: what slows the machine down slows all of them."""
    results: dict[str, list[Numbers]] = {name: [] for name in contenders}
    turns = [name for _ in range(repetitions) for name in contenders]
    for name in track(turns, description):
        if name not in results:  # it failed in an earlier turn
            continue
        try:
            results[name].append(run(contenders[name]))
        except RuntimeError as failure:
            errors.print(f"{name} left out: {failure}", markup=False)
            del results[name]
    return {
        name: {key: Spread.of(row[key] for row in rows) for key in rows[0]}
        for name, rows in results.items()
    }


def in_turns(calls: Mapping[str, Callable[[], object]], repetitions: int) -> list[dict[str, float]]:
    """Seconds of each call in each turn; the first turn is a warm-up, and left out."""
    turns = []
    console.quiet = True  # progress bars of what is measured
    try:
        for _ in range(repetitions + 1):
            turn = {}
            for name, call in calls.items():
                started = time.perf_counter()
                call()
                turn[name] = time.perf_counter() - started
            turns.append(turn)
    finally:
        console.quiet = False
    return turns[1:]


def peak_mb(call: Callable[[], object]) -> float:
    """By how much a call raises this process's memory at most; nan where Linux does not tell."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left behind
    reset.write_text("5", encoding="ascii")
    before = _kilobytes(status, "VmRSS")
    call()
    return (_kilobytes(status, "VmHWM") - before) / 1024


def _kilobytes(status: Path, key: str) -> int:
    [line] = (line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1])


def ratios(
    results: Mapping[str, Mapping[str, Spread]], key: str, floor: str = "floor"
) -> dict[str, float]:
    """The medians of one number as ratios to the floor's."""
    reference = results[floor][key].median
    return {name: row[key].median / reference for name, row in results.items() if key in row}


@contextmanager
def peer_process(start: Callable[..., object], *arguments: Any) -> Iterator[ProcessPoolExecutor]:
    """A process to submit a peer's calls to, without what packsight sets for its own processes."""
    kept = {key: os.environ.pop(key) for key in KEEP if key in os.environ}
    with ProcessPoolExecutor(1, get_context("spawn"), start, arguments) as pool:
        try:
            pool.submit(os.getpid).result()  # it starts with the first call
        finally:
            os.environ.update(kept)
        yield pool


def skipped(name: str, reason: str) -> None:
    console.print(f"[dim]{name} skipped: {reason}[/]", highlight=False)


def plain(value: Any) -> Any:
    """Spreads as plain values for JSON."""
    if isinstance(value, Spread):
        return value.__dict__
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value
