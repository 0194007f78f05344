"""What state a run is in, and how it goes on after an interruption."""

import platform
import shutil
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape

from packsight import __version__
from packsight.configuration.stored import write_values
from packsight.errors import UserError
from packsight.models.weights import read_checkpoint
from packsight.runs.folder import config_hash, same_run
from packsight.system.console import errors
from packsight.system.files import read_json, write_json
from packsight.system.lock import locked

LIBRARIES = ("torch", "torchvision", "timm", "lightning", "albumentations",
             "opencv-python-headless", "numpy")  # fmt: skip
LAST = Path("checkpoints", "last.ckpt")


class State(StrEnum):
    """What status.json says; a run whose process was killed is left `running`."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


def is_done(folder: Path, config: dict[str, Any]) -> bool:
    """Whether this very run stands finished in the folder."""
    return same_run(folder, config) and read_json(folder / "status.json")["state"] == State.DONE


@dataclass(frozen=True)
class Attempt:
    """What was found when a run's folder came into this process's hands."""

    done: bool = False  # another process finished it meanwhile
    checkpoint: Path | None = None  # to go on from; None to start


@dataclass(frozen=True)
class Trained:
    """What training a run came to."""

    folder: Path
    skipped: bool = False  # it was done before

    def objective(self, monitor: str) -> float:
        """The monitored metric on validation packages: what a search is to improve."""
        validation = read_json(self.folder / "metrics.json")["val"]["all"]
        return float(validation[monitor.split("/")[-1]])


@contextmanager
def recorded(folder: Path, config: dict[str, Any], wait: bool) -> Iterator[Attempt]:
    """Keep status.json true while a run is at work, and every other process away from it.

    While another process trains the run, raises BusyError, unless it is to `wait`. The run ends as
    done; as failed, with the error and its traceback; or as interrupted, by SIGINT or SIGTERM.
    """
    with locked(_lock(folder), folder.as_posix(), wait) as lease, _terminable():
        if is_done(folder, config):
            yield Attempt(done=True)
            return
        checkpoint = _prepared_folder(folder, config)
        earlier = read_json(folder / "status.json") if checkpoint else {}
        status: dict[str, Any] = {
            "state": State.RUNNING,
            "config_hash": config_hash(config),
            "started": earlier.get("started") or _now(),
            "resumed": earlier.get("resumed", 0) + 1 if checkpoint else 0,
            "finished": None,
            "seconds": earlier.get("seconds"),  # without what a killed process had spent
            "error": None,
        }
        write_json(folder / "status.json", status)
        clock = time.monotonic()
        try:
            yield Attempt(checkpoint=checkpoint)
            status["state"] = State.DONE
        except (KeyboardInterrupt, SystemExit):
            status["state"] = State.INTERRUPTED
            raise
        except BaseException as error:
            status["state"] = State.FAILED
            status["error"] = f"{type(error).__name__}: {error}"
            status["traceback"] = traceback.format_exc()
            raise
        finally:
            if lease.compromise is None:  # else the folder is another process's now
                spent = (status["seconds"] or 0) + time.monotonic() - clock
                status |= {"finished": _now(), "seconds": round(spent, 1)}
                write_json(folder / "status.json", status)


def _lock(folder: Path) -> Path:
    """Beside the folder, so that it can be held before there is one, and while it is replaced."""
    return folder.with_name(f".{folder.name}.lock")


def _prepared_folder(folder: Path, config: dict[str, Any]) -> Path | None:
    """The run's folder, with its configuration; the checkpoint in it that can be gone on from.

    Without such a checkpoint, what is there is removed: it is this run's own unfinished work, or
    was to be overwritten.
    """
    checkpoint: Path | None = folder / LAST
    if not same_run(folder, config) or not (folder / LAST).is_file():
        checkpoint = None
    else:
        try:
            read_checkpoint(folder / LAST)
        except UserError as error:
            errors.print(f"[yellow]{escape(str(folder))} starts again:[/] {escape(str(error))}")
            checkpoint = None
    if checkpoint is None and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.rglob(".[0-9]*"):  # of a killed process: see files.replacing
        leftover.unlink()
    write_values(config, folder)
    write_json(folder / "environment.json", environment())
    return checkpoint


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block as SIGINT does: with a KeyboardInterrupt, and with one alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = False

    def once(number: int, frame: Any) -> None:
        nonlocal told
        if not told:  # a second one would come while it is written that the run was interrupted
            told = True
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, once)
    try:
        yield
    finally:
        for number, handler in before.items():  # Lightning changes SIGINT's when it stops
            signal.signal(number, handler)


def environment() -> dict[str, Any]:
    """Versions, hardware, and the git commit of the working directory."""
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {"packsight": __version__}
        | {library: metadata.version(library) for library in LIBRARIES},
        "git": {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))},
    }


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
