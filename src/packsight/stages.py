"""The stages by name, for scripts/<stage>.py and for the command `packsight <stage>`.

Other processes find a stage here, and with it what its configuration needs to be resolved.
"""

import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from rich.markup import escape

from packsight import __version__
from packsight.cli import HELP, name_variant, script
from packsight.system.console import errors

if TYPE_CHECKING:
    from packsight.runs.state import Trained


def prepare(cfg: DictConfig) -> None:
    """Check images, split them by package, write data.zip."""
    from packsight.pipeline import prepare as stage

    stage(cfg)


def train(cfg: DictConfig) -> "Trained":
    """Train one classifier, or with -m a sweep of them."""
    from packsight.pipeline import train as stage

    name_variant(cfg)
    return stage(cfg)  # what a search wants to know of it


def evaluate(cfg: DictConfig) -> None:
    """Measure a trained model on a split of prepared data."""
    from packsight.pipeline import evaluate as stage

    stage(cfg)


def explain(cfg: DictConfig) -> None:
    """Show where a model looked, and measure it."""
    from packsight.pipeline import explain as stage

    stage(cfg)


def predict(cfg: DictConfig) -> None:
    """Score images that have no labels."""
    from packsight.pipeline import predict as stage

    stage(cfg)


def report(cfg: DictConfig) -> None:
    """Compare the runs of an experiment."""
    from packsight.pipeline import report as stage

    stage(cfg)


def benchmark(cfg: DictConfig) -> None:
    """Measure how fast packsight is on this machine."""
    from packsight.benchmark.run import benchmark as stage

    stage(cfg)


_ALL: tuple[Callable[[DictConfig], Any], ...] = (
    prepare, train, evaluate, explain, predict, report, benchmark,
)  # fmt: skip
STAGES = {stage.__name__: stage for stage in _ALL}


def run(stage: str, command: bool = False) -> None:
    """Run a stage on the command line's arguments, as its script or as `packsight <stage>`."""
    script(stage, command)(STAGES[stage])()


def main() -> None:
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
    lines = [f"  packsight {name:{width}}  {stage.__doc__}" for name, stage in STAGES.items()]
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
