"""The stages by name, for scripts/<stage>.py and for the command `packsight <stage>`.

Other processes find a stage here, and with it what its configuration needs to be resolved.
"""

import sys
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any

from omegaconf import DictConfig
from rich.markup import escape

from packsight import __version__
from packsight.cli import HELP, name_variant, run_stage
from packsight.system.console import errors

STAGES = {
    "prepare": "Check images, split them by package, write data.zip.",
    "train": "Train one classifier, or with -m a sweep of them.",
    "evaluate": "Measure a trained model on a split of prepared data.",
    "explain": "Show where a model looked, and measure it.",
    "predict": "Score images that have no labels.",
    "decide": "Choose models and thresholds by validation.",
    "export": "Make one file for the line, which needs no PyTorch.",
    "report": "Compare the runs of an experiment.",
    "benchmark": "Measure how fast packsight is on this machine.",
    "doctor": "Tell what is here to work with, and what is damaged.",
}


def work(stage: str, cfg: DictConfig) -> Any:
    """A stage's work, imported when it is to be done, in whatever process.

    Of a training what it came to, which a search wants to know; of other stages nothing.
    """
    if stage == "train":
        name_variant(cfg)
    result = getattr(import_module(f"packsight.pipeline.{stage}"), stage)(cfg)
    return result if stage == "train" else None


def run(stage: str, command: bool = False) -> None:
    """Run a stage on the command line's arguments, as its script or as `packsight <stage>`."""
    run_stage(stage, partial(work, stage), command)


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
    lines = [f"  packsight {name:{width}}  {does}" for name, does in STAGES.items()]
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
