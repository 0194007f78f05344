"""How long stages take before they work: their help, and a mistake in the configuration."""

import subprocess
import time
from typing import Any

from packsight.benchmark.measure import Spread
from packsight.benchmark.work import Work
from packsight.system.console import track
from packsight.system.resources import CONFIGS

MISTAKES = {
    "train: an unknown choice": ["train", "model=unknown"],
    "train: an unknown key": ["train", "data.batch=3"],
    "train: a timm model that is none": ["train", "model.backbone=mobilnetv2"],
    "evaluate: no such run": ["evaluate", "run=nowhere"],
}


def startup_times(work: Work) -> dict[str, Any]:
    """Seconds of each stage's --help, and of mistakes until their sentence is printed."""
    stages = sorted(file.stem for file in CONFIGS.glob("*.yaml"))
    commands = {f"{name} --help": work.script(name, "--help") for name in stages}
    commands |= {name: work.script(*arguments) for name, arguments in MISTAKES.items()}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    turns = [name for _ in range(work.cfg.repetitions) for name in commands]
    for name in track(turns, "start-up"):
        started = time.perf_counter()
        subprocess.run(commands[name], cwd=work.folder, capture_output=True, check=False)
        seconds[name].append(time.perf_counter() - started)
    return {name: Spread.of(values) for name, values in seconds.items()}
