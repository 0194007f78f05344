"""What every script shares: Hydra, one sentence for a user's mistake, and exit codes."""

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.markup import escape

from packsight.console import console, errors
from packsight.errors import UserError

HELP = ("--help", "-h")
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
# Configuration, overrides, and the error in a sentence or "".
Job = tuple[DictConfig, list[str], str]
# What a user can mend.
MISTAKES = (UserError, HydraException, OmegaConfBaseException)

# Keys of a stage that share their name with a config group, and where their value stands.
VALUES = {
    ("evaluate", "data"): "data.path",
    ("explain", "data"): "data.path",
    ("predict", "perspective"): "perspective.name",
}


def slug(source: str | None, fallback: str) -> str:
    """A folder name from a path: `photos/Line 7.zip` gives `line-7`; no path gives `fallback`."""
    if source is None:
        return fallback
    letters = (letter if letter.isalnum() else "-" for letter in Path(source).stem.lower())
    return "-".join(part for part in "".join(letters).split("-") if part) or fallback


OmegaConf.register_new_resolver("stem", slug, replace=True)


def script(stage: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Decorate a script's `main(cfg)`: compose configs/<stage>.yaml, run, exit with 0, 1 or 2.

    2 is a mistake that the user can mend, told in a sentence; 1 a failed job of a sweep, or a
    defect, with its traceback.
    """

    def decorate(main: Callable[[DictConfig], None]) -> Callable[[], None]:
        def run() -> None:
            # Hydra then raises its errors instead of printing them and exiting with 1.
            os.environ["HYDRA_FULL_ERROR"] = "1"
            # Imports make a million objects that stay: looking through them for garbage, again and
            # again and once more at the end, took a third of a short training's overhead.
            gc.set_threshold(100_000)
            atexit.register(gc.freeze)
            sys.argv[1:] = [spell_out(argument, stage) for argument in sys.argv[1:]]
            jobs: list[Job] = []
            mistakes: list[Exception] = []
            overrides = [argument for argument in sys.argv[1:] if argument not in HELP]
            if len(overrides) < len(sys.argv) - 1:
                print(help_text(stage, [o for o in overrides if not o.startswith("-")]))
                return
            task = isolated(main, jobs, mistakes)
            try:
                hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=stage)(task)()
            except MISTAKES as mistake:  # in the configuration itself
                mistakes.append(mistake)
            if mistakes:
                errors.print(f"[bold red]error:[/] {escape(sentence(mistakes[0]))}")
                sys.exit(2)
            if jobs:
                from packsight.runs.sweep import finish

                finish(stage, jobs)
                sys.exit(any(error for *_, error in jobs))

        return run

    return decorate


def help_text(stage: str, overrides: list[str]) -> str:
    """The help of a stage's configuration file, filled in.

    Hydra's own --help fills in the same, but copies its configuration once per choice: 1.2 s.
    """
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra.compose(stage, overrides, return_hydra_config=True)
    template = Template(cfg.hydra.help.template)
    choices = [
        f"{folder.name}: {', '.join(sorted(file.stem for file in folder.glob('*.yaml')))}"
        for folder in sorted(CONFIGS.iterdir())
        if folder.name in cfg.hydra.runtime.choices and folder.name != "hydra"
    ]
    values = OmegaConf.to_yaml(
        OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    )
    return template.safe_substitute(APP_CONFIG_GROUPS="\n".join(choices), CONFIG=values)


def isolated(
    main: Callable[[DictConfig], None],
    jobs: list[Job],
    mistakes: list[Exception],
) -> Callable[[DictConfig], None]:
    """In a sweep, note each job, its error if it has one, and let none stop the others.

    Elsewhere note a mistake: if it were raised, Hydra would print more than a sentence.
    """

    def task(cfg: DictConfig) -> None:
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            try:
                main(cfg)
            except MISTAKES as mistake:
                mistakes.append(mistake)
            return
        overrides = list(HydraConfig.get().overrides.task)
        console.rule(escape(" ".join(overrides)))
        error = ""
        try:
            main(cfg)
        except MISTAKES as mistake:
            error = sentence(mistake)
        except Exception as defect:  # its traceback is in the run's status.json
            error = f"{type(defect).__name__}: {sentence(defect)}"
        if error:
            errors.print(f"[bold red]failed:[/] {escape(error)}")
        jobs.append((cfg, overrides, error))

    return task


def spell_out(argument: str, stage: str) -> str:
    """`data=<path>` as `data.path=<path>`, where a stage takes a value and not a choice there.

    Hydra would look for the value among the choices of the config group of that name.
    """
    key, equals, value = argument.partition("=")
    return f"{VALUES[stage, key]}={value}" if equals and (stage, key) in VALUES else argument


def sentence(error: Exception) -> str:
    """An exception's message in one line, without Hydra's list of search paths."""
    message, *_ = str(error).split("Config search path:")
    return " ".join(message.split())


def name_variant(cfg: DictConfig) -> None:
    """Fill in `variant: auto` by comparing the configuration with its groups' defaults."""
    from packsight.runs.folder import resolved, variant

    if cfg.variant != "auto":
        return
    choices = HydraConfig.get().runtime.choices
    groups = ("data", "perspective", "model", "precision")
    defaults = hydra.compose("train", [f"{group}={choices[group]}" for group in groups])
    defaults.data.source, defaults.data.name = cfg.data.source, cfg.data.name
    cfg.variant = variant(resolved(cfg), resolved(defaults))
