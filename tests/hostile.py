"""Stages in environments that are against them, which can cost looks, never a run."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Stage after stage in one process, which imports once; what each ended with is in the first file.
DRIVER = """
import json, runpy, sys
from pathlib import Path
scripts, record, *stages = sys.argv[1:]
codes = []
for line in stages:
    stage, *arguments = json.loads(line)
    sys.argv = [f"{stage}.py", *arguments]
    try:
        runpy.run_path(f"{scripts}/{stage}.py", run_name="__main__")
        codes.append(0)
    except SystemExit as stop:
        codes.append(stop.code or 0)
    Path(record).write_text(json.dumps(codes))
"""
SMALL = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch", "trainer=cpu",
         "data.image_size=32", "trainer.max_epochs=1", "data.batch_size=4"]  # fmt: skip
DATA = ["data.source=raw-data.zip", "data.name=line"]
EVERY: tuple[tuple[str, ...], ...] = (
    ("prepare", *DATA),
    ("train", *DATA, *SMALL),
    ("evaluate", "run=outputs/runs"),
    ("explain", "run=outputs/runs", "measured=2", "explainer.steps=4", "explainer.max_steps=4"),
    ("predict", "run=outputs/runs", "source=raw-data.zip", "output=results"),
    ("report", "name=runs", "archive=true"),
    ("export", "run=outputs/runs", "output=line.pyz"),
    ("doctor",),
)


@dataclass(frozen=True)
class Hostile:
    """An environment: variables (None: not set), streams in the shell's words, what it may not."""

    variables: Mapping[str, str | None] = field(default_factory=dict)
    streams: str = ""  # such as ">&-" or "| head -1"
    before: str = ""  # commands of the shell, such as "umask 077"
    flags: tuple[str, ...] = ()  # of Python
    through: tuple[str, ...] = ()  # the command that starts it


@dataclass(frozen=True)
class Ended:
    """The exit codes of the stages; those from the first traceback on have none."""

    codes: list[int]
    out: bytes
    errors: bytes

    @property
    def told(self) -> str:
        return (self.out + self.errors).decode("utf-8", "replace")


def run_in(
    environment: Hostile,
    folder: Path,
    stages: Sequence[Sequence[str]] = EVERY,
    timeout_s: float = 300,
) -> Ended:
    """Run stages, each with its arguments, in a folder, one after the other in one process."""
    record = folder / "codes.json"
    record.write_text("[]")
    lines = [json.dumps(stage) for stage in stages]
    python = [*environment.through, sys.executable, *environment.flags]
    command = [*python, "-c", DRIVER, str(ROOT / "scripts"), str(record), *lines]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment.variables}
    shell = f"{environment.before or ':'}; {shlex.join(command)} {environment.streams}"
    done = subprocess.run(
        ["/bin/bash", "-c", shell],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(json.loads(record.read_text()), done.stdout, done.stderr)
