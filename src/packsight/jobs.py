"""A script's main function as one job, alone or of a sweep, in whatever process it runs."""

import os
import re
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.markup import escape

from packsight.configuration.nearest import without_hint
from packsight.errors import FullDiskError, UserError
from packsight.runs.journal import Ending, Journal, Outcome, traced
from packsight.runs.search import Search, print_best, resume_search
from packsight.system.console import console, errors
from packsight.system.files import as_mistake
from packsight.system.lock import BusyError, locked
from packsight.system.room import one_run_less, plan_runs
from packsight.system.workers import in_worker

# What a user can mend.
MISTAKES = (UserError, HydraException, OmegaConfBaseException)


class Multirun(Callback):
    """What a sweep does in its own process, before its first job and after its last."""

    outputs: ClassVar[str] = ""

    def __init__(self) -> None:
        self.held = ExitStack()
        self.search: Search | None = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        Multirun.outputs = config.outputs
        sweeper = config.hydra.sweeper
        plan_runs(number_of_jobs(config.hydra))
        if not sweeper._target_.endswith(".OptunaSweeper"):
            return
        folder, direction = Path(config.outputs, config.name), f"{config.monitor_mode}imize"
        self.held.enter_context(locked(folder / ".study.lock", f"the search in {folder}"))
        seed = sweeper.sampler.seed or 0
        search = resume_search(folder, config.name, direction, sweeper.n_trials, seed)
        sweeper.storage, sweeper.study_name = search.storage, search.name
        sweeper.direction, sweeper.n_trials = direction, search.trials_left
        sweeper.sampler.seed = search.seed
        self.search = search

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        if self.search is not None:
            print_best(self.search)
        self.held.close()


class Task:
    """A script's main function as one job, in whatever process a launcher puts it.

    Of a sweep, a job that fails is noted and stops no other; one that another process is at is
    put off to the end. Elsewhere a user's mistake is kept: if it were raised, Hydra would print
    more than a sentence.
    """

    def __init__(self, main: Callable[[DictConfig], Any], stage: str) -> None:
        self.main = main
        self.stage = stage
        self.folder = Path.cwd()
        self.sweep = uuid.uuid4().hex
        self.process = os.getpid()
        self.mistakes: list[Exception] = []
        self.put_off: list[tuple[DictConfig, Outcome]] = []

    def __call__(self, cfg: DictConfig) -> float | None:
        hydra_config = HydraConfig.get()
        if hydra_config.mode != RunMode.MULTIRUN:
            try:
                self.main(self._checked(cfg))
            except MISTAKES as mistake:
                self.mistakes.append(mistake)
            except OSError as error:
                self.mistakes.append(system_mistake(error))
            return None
        if self.mistakes:
            return None
        os.chdir(self.folder)  # relative paths mean the same on every machine
        if hydra_config.launcher._target_.endswith(".JoblibLauncher"):
            take_gpu(hydra_config.job.num)
            if os.getpid() != self.process:
                return in_worker(lambda: self._job(cfg, hydra_config))
        return self._job(cfg, hydra_config)

    def _job(self, cfg: DictConfig, hydra_config: Any) -> float | None:
        """One of a sweep's jobs; what a search wants to know of it."""
        # A + is a matter between packsight and Hydra.
        overrides = [override.lstrip("+") for override in hydra_config.overrides.task]
        console.rule(escape(" ".join(overrides)))
        started = Outcome(hydra_config.job.num, overrides, str(_experiment(cfg)))
        # Elsewhere than in this process, or in a search, a job has to wait where it stands.
        outcome, objective = self._run(cfg, started, False if _is_plain(hydra_config) else None)
        if outcome.ending == Ending.BUSY:
            self.put_off.append((cfg, started))
        one_run_less()
        return objective

    def finish_put_off(self) -> None:
        for cfg, started in self.put_off if not self.mistakes else ():
            console.rule(escape(" ".join(started.overrides)))
            self._run(cfg, started, True)

    def _checked(self, cfg: DictConfig) -> DictConfig:
        from packsight.configuration.check import checked  # pydantic, of no use to --help

        return checked(cfg, self.stage)

    def _run(
        self, cfg: DictConfig, started: Outcome, wait: bool | None
    ) -> tuple[Outcome, float | None]:
        """The job's outcome, written to the sweep's journal, and what a search wants to know.

        `wait` replaces `run.wait` where it is not None.
        """
        objective, outcome = None, started
        try:
            cfg = self._checked(cfg)
            if self.stage == "train" and wait is not None:
                cfg.run.wait = wait
            result = self.main(cfg)
            objective = None if result is None else result.objective(cfg.monitor)
            if getattr(result, "skipped", False):
                outcome = replace(started, ending=Ending.SKIPPED)
        except BusyError as busy:
            console.print(f"put off: {escape(sentence(busy))}", soft_wrap=True)
            outcome = replace(started, ending=Ending.BUSY)
        except Exception as error:
            reason = as_mistake(error) or error if isinstance(error, OSError) else error
            if isinstance(reason, FullDiskError):  # the other jobs could not write either
                if wait is None:
                    raise reason from error
                self.mistakes.append(reason)
                return started, None
            told = sentence(reason)
            if not isinstance(reason, MISTAKES):
                told = f"{type(error).__name__}: {told}"
            errors.print(f"[bold red]failed:[/] {escape(told)}")
            outcome = replace(started, ending=Ending.FAILED, error=told, traceback=traced(error))
        Journal(cfg.outputs, self.sweep).write(outcome)
        return outcome, objective


def system_mistake(error: OSError) -> UserError:
    """What the system refused, as a mistake that can be mended. Raises the error if it is none."""
    mistake = as_mistake(error)
    if mistake is None:
        raise error
    return mistake


def take_gpu(job: int) -> None:
    """Leave this process one of several GPUs, in turn; it keeps the one that it got first."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = visible.split(",") if visible else [*map(str, range(torch.cuda.device_count()))]
    if len(gpus) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[job % len(gpus)]


def _experiment(cfg: DictConfig) -> Path:
    """The folder of a job's name; of one like it, where the name is wrong."""
    try:
        name = str(cfg.get("name", ""))
    except OmegaConfBaseException:  # it refers to what is not there
        name = ""
    return Path(str(cfg.outputs), re.sub(r"[/\\]", "-", name).lstrip(".") or "runs")


def number_of_jobs(hydra_config: Any) -> int:
    """How many jobs a sweep comes to where they run one after the other; elsewhere 1."""
    if not _is_plain(hydra_config):
        return 1
    axes = (hydra_config.sweeper.params or {}).items()
    given = [*(f"{key}={values}" for key, values in axes), *hydra_config.overrides.task]
    [jobs] = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(given), None)
    return len(jobs)


def _is_plain(hydra_config: Any) -> bool:
    """Whether a sweep's jobs run one after the other in its own process."""
    return bool(
        hydra_config.launcher._target_.endswith(".BasicLauncher")
        and hydra_config.sweeper._target_.endswith(".BasicSweeper")
    )


def sentence(error: Exception) -> str:
    """An exception's message in one line, without Hydra's list of search paths and its hints."""
    message, *_ = str(error).split("Config search path:")
    return " ".join(without_hint(message).split())
