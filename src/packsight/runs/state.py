"""What state a run is in, and how it goes on after an interruption."""

import platform
import shutil
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape

from packsight import __version__
from packsight.configuration.stored import write_values
from packsight.errors import UserError
from packsight.evaluation.results import read_metrics
from packsight.runs.checkpoints import check_last
from packsight.runs.folder import config_hash, same_run
from packsight.runs.status import State, read_status
from packsight.system.console import errors
from packsight.system.files import making_folder, reading, write_json, writing
from packsight.system.half_written import clear_below
from packsight.system.lock import locked

LIBRARIES = ("torch", "torchvision", "timm", "lightning", "albumentations",
             "opencv-python-headless", "numpy")  # fmt: skip
LAST = Path("checkpoints", "last.ckpt")
DAMAGED = Path("checkpoints", "last.damaged.ckpt")


def is_done(folder: Path, config: dict[str, Any]) -> bool:
    """Whether this very run stands finished in the folder."""
    if not same_run(folder, config):
        return False
    try:
        return read_status(folder).state == State.DONE
    except UserError:  # missing or damaged: to be trained to its end
        return False


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
        file = self.folder / "metrics.json"
        metrics = read_metrics(file)
        with reading(file, "a run's metrics"):
            return float(metrics["val"]["all"][monitor.split("/")[-1]])


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
        earlier = None
        if checkpoint:
            try:
                earlier = read_status(folder)
            except UserError as error:
                errors.print(f"[yellow]written anew:[/] {escape(str(error))}")
        status: dict[str, Any] = {
            "state": State.RUNNING,
            "config_hash": config_hash(config),
            "started": (earlier and earlier.started) or _now(),
            "resumed": (earlier.resumed if earlier else 0) + 1 if checkpoint else 0,
            "finished": None,
            "seconds": earlier.seconds if earlier else None,
            "error": None,
        }
        write_json(folder / "status.json", status)
        clock = time.monotonic()

        def end(state: State, **told: str) -> None:
            if lease.compromise is None:  # else the folder is another process's now
                spent = (status["seconds"] or 0) + time.monotonic() - clock
                ended = {"state": state, "finished": _now(), "seconds": round(spent, 1)}
                write_json(folder / "status.json", status | ended | told)

        try:
            yield Attempt(checkpoint=checkpoint)
        except BaseException as error:
            # On a full disk not even this can be written; the first error is the one to tell.
            with suppress(UserError):
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    end(State.INTERRUPTED)
                else:
                    told = f"{type(error).__name__}: {error}"
                    end(State.FAILED, error=told, traceback=traceback.format_exc())
            raise
        end(State.DONE)


def _lock(folder: Path) -> Path:
    """Beside the folder, so that it can be held before there is one, and while it is replaced."""
    return folder.with_name(f".{folder.name}.lock")


def _prepared_folder(folder: Path, config: dict[str, Any]) -> Path | None:
    """The run's folder, with its configuration; the checkpoint in it that can be gone on from.

    Without such a checkpoint, what is there is removed: it is this run's own unfinished work, or
    was to be overwritten. A damaged checkpoint is kept beside the new ones.
    """
    checkpoint, aside = folder / LAST, None
    goes_on = same_run(folder, config) and checkpoint.is_file()
    if goes_on:
        try:
            check_last(checkpoint, config)
        except UserError as error:
            told = f"{error} It is kept as {DAMAGED}."
            errors.print(f"[yellow]{escape(str(folder))} starts again:[/] {escape(told)}")
            aside, goes_on = folder.with_name(f".{folder.name}.damaged"), False
    with writing(folder):
        if aside:
            checkpoint.replace(aside)
        if not goes_on and folder.exists():
            shutil.rmtree(folder)
        making_folder(folder)
        if aside:
            making_folder(checkpoint.parent)
            aside.replace(folder / DAMAGED)
    clear_below(folder)
    write_values(config, folder)
    write_json(folder / "environment.json", environment())
    return checkpoint if goes_on else None


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
