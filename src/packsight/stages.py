"""The stages by name, for scripts/<stage>.py and for the command `packsight <stage>`."""

import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig
from rich.markup import escape

from packsight import __version__, pipeline
from packsight.cli import HELP, name_variant, script
from packsight.system.console import errors

if TYPE_CHECKING:
    from packsight.runs.state import Trained


class Stage(NamedTuple):
    line: str  # what it does, for the list of stages
    main: Callable[[DictConfig], Any]  # importable, for the processes of a sweep


def train(cfg: DictConfig) -> "Trained":
    name_variant(cfg)
    return pipeline.train(cfg)


def benchmark(cfg: DictConfig) -> None:
    from packsight.benchmark.run import benchmark as measure

    measure(cfg)


STAGES = {
    "prepare": Stage("Check images, split them by package, write data.zip.", pipeline.prepare),
    "train": Stage("Train one classifier, or with -m a sweep of them.", train),
    "evaluate": Stage("Measure a trained model on a split of prepared data.", pipeline.evaluate),
    "explain": Stage("Show where a model looked, and measure it.", pipeline.explain),
    "predict": Stage("Score images that have no labels.", pipeline.predict),
    "report": Stage("Compare the runs of an experiment.", pipeline.report),
    "benchmark": Stage("Measure how fast packsight is on this machine.", benchmark),
}


def run(stage: str, command: bool = False) -> None:
    """Run a stage on the command line's arguments, as its script or as `packsight <stage>`."""
    script(stage, command)(STAGES[stage].main)()


def command() -> None:
    """The console command: `packsight <stage> <arguments>`, with the exit codes of scripts."""
    name, *rest = sys.argv[1:] or HELP
    if name in HELP:
        print(overview())
    elif name == "--version":
        print(f"packsight {__version__}")
    elif name in STAGES:
        sys.argv[1:] = rest
        run(name, command=True)
    else:
        near = get_close_matches(name, STAGES, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(STAGES)}."
        errors.print(f"[bold red]error:[/] {escape(name)} is no stage; {remedy}")
        sys.exit(2)


def overview() -> str:
    """What `packsight --help` prints: a line for each stage."""
    width = max(map(len, STAGES))
    lines = [f"  packsight {name:{width}}  {stage.line}" for name, stage in STAGES.items()]
    return "\n".join(
        (
            "Train, compare and explain classifiers of damaged packages seen by two cameras.",
            "",
            "Stages",
            *lines,
            "",
            "Each teaches what it can do:  packsight train --help",
            "Which version this is:        packsight --version",
        )
    )
