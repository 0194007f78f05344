"""What became of each job of a sweep, whichever process or machine it ran on."""

import json
import shutil
import traceback
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from packsight.system.files import write_json


class Ending(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"  # it had been done before
    BUSY = "busy"  # another process is at it
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How a job ended; `error` in a sentence, `traceback` for what is not a user's mistake."""

    number: int
    overrides: list[str]
    experiment: str  # the folder of its name
    ending: Ending = Ending.DONE
    error: str = ""
    traceback: str = ""


class Journal:
    """A folder below outputs/cache with a small file for each job, gone once it was read."""

    def __init__(self, outputs: str | Path, sweep: str) -> None:
        self.folder = Path(outputs, "cache", "sweeps", sweep)

    def write(self, outcome: Outcome) -> None:
        write_json(self.folder / f"{outcome.number}.json", asdict(outcome))

    def read(self) -> list[Outcome]:
        """What is known so far, in the order of the jobs."""
        found = [json.loads(file.read_text("utf-8")) for file in self.folder.glob("[0-9]*.json")]
        outcomes = [Outcome(**{**values, "ending": Ending(values["ending"])}) for values in found]
        return sorted(outcomes, key=lambda outcome: outcome.number)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def traced(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
