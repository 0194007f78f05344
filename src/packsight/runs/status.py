"""status.json: what state a run is in, and how long it has taken."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from packsight.system.files import read_json, reading

NAME = "status.json"


class State(StrEnum):
    """What status.json says; a run whose process was killed is left `running`."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Status:
    """What a run's status.json says, as far as anyone asks."""

    state: State
    started: str | None
    resumed: int  # times
    seconds: float | None  # at work, without what a killed process had spent
    error: str


def read_status(folder: Path) -> Status:
    """The status of the run in a folder. Raises UserError if it is missing or damaged."""
    file = folder / NAME
    with reading(file, "a run's status"):
        said = read_json(file, ["state"])
        return Status(
            state=State(said["state"]),
            started=_typed(said, "started", str),
            resumed=_typed(said, "resumed", int) or 0,
            seconds=_typed(said, "seconds", int | float),
            error=_typed(said, "error", str) or "",
        )


def _typed(said: dict[str, Any], key: str, kind: Any) -> Any:
    value = said.get(key)
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{key} is {value!r}")
    return value
