"""What a job of a sweep costs beyond its own steps."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from packsight.benchmark.measure import Spread, run
from packsight.benchmark.work import Work
from packsight.system.files import read_json

JOBS = 4


def sweep_cost(work: Work) -> dict[str, Any]:
    """A sweep of short jobs in one process; seconds of each job's parts, its first job left out.

    A job ends when its status.json is written.
    """
    name = "sweep"
    seeds = ",".join(map(str, range(JOBS)))
    # Each job has its own file of steps.
    contender = work.train(name, f"seed={seeds}", "+callbacks.clock.file=${folder}/steps.json")
    python, script, *overrides = contender.command
    kept = [override for override in overrides if not override.endswith(str(contender.steps))]
    numbers = run(replace(contender, command=[python, script, "-m", *kept], steps=None))
    folders = sorted(file.parent for file in (work.folder / "outputs" / name).rglob("steps.json"))
    jobs = sorted((_job(folder) for folder in folders), key=lambda job: job["end"])
    rows = [
        {
            "before its first step": job["first"] - previous["end"],
            "its steps": job["steps"],
            "between steps": job["last"] - job["first"] - job["steps"],
            "after its last step": job["end"] - job["last"],
        }
        for previous, job in pairwise(jobs)
    ]
    parts = {key: Spread.of(row[key] for row in rows) for key in rows[0]}
    return {"seconds": numbers["seconds"], "jobs": len(jobs), "parts": parts}


def _job(folder: Path) -> dict[str, float]:
    steps = read_json(folder / "steps.json")
    return {
        "first": steps[0][2],
        "last": steps[-1][3],
        "steps": sum(end - begin for *_, begin, end in steps),
        "end": (folder / "status.json").stat().st_mtime,
    }
