"""What every script shares: Hydra, one sentence for a user's mistake, and exit codes."""

import os
import re
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.markup import escape

from packsight.configuration.choices import PARTS
from packsight.errors import UserError
from packsight.jobs import MISTAKES, Multirun, Task, sentence, system_mistake
from packsight.runs.journal import Ending, Journal, Outcome
from packsight.system.console import errors
from packsight.system.garbage import collect_rarely
from packsight.system.malloc import keep_freed_memory
from packsight.system.processes import in_one_process
from packsight.system.resources import CONFIGS
from packsight.system.workers import stopping_workers

HELP = ("--help", "-h")
HIDDEN = ("hydra", PARTS)  # from who asks for help: nothing in them is to be chosen
# Plugins register a schema under the name that our own file has; Hydra would have either renamed.
warnings.filterwarnings("ignore", message="(?s).*validated against ConfigStore schema")


def slug(source: object, fallback: str) -> str:
    """A folder name from a path: `photos/Line 7.zip` gives `line-7`; no path gives `fallback`."""
    if source is None:
        return fallback
    letters = (letter if letter.isalnum() else "-" for letter in Path(str(source)).stem.lower())
    return "-".join(part for part in "".join(letters).split("-") if part) or fallback


def batch_size(launcher: str) -> int | None:
    """How many jobs a launcher gets at a time; None: all.

    Hydra composes a batch before it starts it; for 200 jobs on the launcher that takes one after
    the other anyway, that would be most of a minute before the first one.
    """
    return 1 if launcher.endswith(".BasicLauncher") else None


def jobs_at_once() -> int:
    """How many jobs a machine can train side by side."""
    import torch

    return torch.cuda.device_count() or max((os.cpu_count() or 1) // 2, 1)


def either_way(limit: float) -> list[float]:
    """The range of a change that may go both ways: 5 gives [-5, 5]."""
    return [-limit, limit]


OmegaConf.register_new_resolver("stem", slug, replace=True)
OmegaConf.register_new_resolver("either_way", either_way, replace=True)
OmegaConf.register_new_resolver("batch_size", batch_size, replace=True)
OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)


def run_stage(stage: str, main: Callable[[DictConfig], Any], command: bool = False) -> None:
    """Compose configs/<stage>.yaml, give it to `main`, and exit with a code.

    Of several processes that torchrun started one works, and the others end as it does. 0 is
    success; 1 a failed job of a sweep, or a defect, with its traceback; 2 a mistake that the
    user can mend, told in a sentence; 130 an interruption by SIGINT or SIGTERM. `command` tells
    whether it was started as `packsight <stage>`.
    """
    # Hydra then raises its errors instead of printing them and exiting with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # Figures go to files; the backend that a notebook's shell inherits may not be here.
    os.environ["MPLBACKEND"] = "Agg"
    # cuBLAS looks once, at its first product: with this its sums have the same order every time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    collect_rarely()
    keep_freed_memory()
    try:
        if not {*HELP}.issuperset(sys.argv[1:]):
            from packsight.configuration.arguments import arranged

            sys.argv[1:] = arranged(sys.argv[1:], stage)
        if not {*HELP}.isdisjoint(sys.argv):
            text = help_text(stage, [o for o in sys.argv[1:] if not o.startswith("-")])
            print(as_commands(text) if command else text)
            return
        code = in_one_process(stage, lambda: _exit_code(stage, main, command))
    except MISTAKES as mistake:
        _tell(mistake, command)
        code = 2
    sys.exit(code)


def _exit_code(stage: str, main: Callable[[DictConfig], Any], command: bool) -> int:
    task = Task(main, stage)
    interrupted = False
    outcomes: list[Outcome] = []
    try:
        with stopping_workers():
            hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=stage)(task)()
            task.finish_put_off()
    except MISTAKES as mistake:  # in the configuration itself
        task.mistakes.append(mistake)
    except OSError as error:  # what Hydra itself could not write
        task.mistakes.append(system_mistake(error))
    except KeyboardInterrupt:
        interrupted = True
    if not task.mistakes:
        try:
            outcomes = _finish_sweep(stage, task)
        except UserError as mistake:
            task.mistakes.append(mistake)
        except OSError as error:
            task.mistakes.append(system_mistake(error))
        except KeyboardInterrupt:  # while the report was written
            interrupted = True
    if task.mistakes:
        _tell(task.mistakes[0], command)
        Journal(Multirun.outputs, task.sweep).close()
        return 2
    if interrupted:
        errors.print("[bold red]interrupted:[/] the same command goes on from here.")
        return 130
    return int(any(outcome.ending == Ending.FAILED for outcome in outcomes))


def _tell(mistake: Exception, command: bool) -> None:
    told = sentence(mistake)
    told = as_commands(told) if command else told
    errors.print(f"[bold red]error:[/] {escape(told)}")


def _finish_sweep(stage: str, task: Task) -> list[Outcome]:
    """Tell what became of a sweep's jobs, if it was a sweep."""
    journal = Journal(Multirun.outputs, task.sweep)
    outcomes = journal.read()
    if outcomes:
        from packsight.pipeline.decide import decide_by_default
        from packsight.reporting.sweep_end import finish

        finish(stage, outcomes, decide_by_default)
        journal.close()
    return outcomes


def help_text(stage: str, overrides: list[str]) -> str:
    """The help of a stage's configuration file, filled in.

    Hydra's own --help fills in the same, but copies its configuration once per choice: 1.7 s
    instead of 0.4.
    """
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra.compose(stage, overrides, return_hydra_config=True)
    template = Template(cfg.hydra.help.template)
    choices = [
        f"{folder.name}: {', '.join(sorted(file.stem for file in folder.glob('*.yaml')))}"
        for folder in sorted(CONFIGS.iterdir())
        if folder.name in cfg.hydra.runtime.choices and folder.name not in HIDDEN
    ]
    values = OmegaConf.to_yaml(
        OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key not in HIDDEN])
    )
    return template.safe_substitute(APP_CONFIG_GROUPS="\n".join(choices), CONFIG=values)


def as_commands(text: str) -> str:
    """`python scripts/train.py` as `packsight train`, for those who installed a wheel."""
    return re.sub(r"(?:python )?scripts/(\w+)\.py", r"packsight \1", text)


def name_variant(cfg: DictConfig) -> None:
    """Fill in `variant: auto` by comparing the configuration with its groups' defaults."""
    from packsight.configuration.stored import resolved
    from packsight.runs.folder import variant

    if cfg.variant != "auto":
        return
    choices = HydraConfig.get().runtime.choices
    groups = ("data", "perspective", "model", "precision")
    defaults = _composed(tuple(f"{group}={choices[group]}" for group in groups)).copy()
    defaults.data.source, defaults.data.name = cfg.data.source, cfg.data.name
    cfg.variant = variant(resolved(cfg), resolved(defaults))


@cache
def _composed(choices: tuple[str, ...]) -> DictConfig:
    """The training configuration of these choices, composed once for all jobs of a process."""
    return hydra.compose("train", list(choices))
