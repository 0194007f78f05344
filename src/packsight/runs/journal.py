"""What became of each job of a sweep, whichever process or machine it ran on."""

import shutil
import traceback
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from packsight.errors import UserError
from packsight.system.files import read_json, reading, write_json


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
        files = sorted(self.folder.glob("[0-9]*.json"), key=lambda file: (len(file.name), file))
        return [_read(file) for file in files]

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(file: Path) -> Outcome:
    """A job's outcome; where its file is damaged, a failure that says so."""
    try:
        with reading(file, "what became of a job", "give the same command again"):
            values = read_json(file)
            outcome = Outcome(**{**values, "ending": Ending(values["ending"])})
            texts = [*outcome.overrides, outcome.experiment, outcome.error, outcome.traceback]
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("it holds other types")
            return replace(outcome, number=int(file.stem))
    except UserError as error:
        return Outcome(-1, [f"job {file.stem}"], "", Ending.FAILED, str(error))


def traced(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
