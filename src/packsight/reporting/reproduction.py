"""How an experiment's runs came about: what was typed, and in which environments."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packsight.errors import UserError
from packsight.reporting.leaderboard import left_out
from packsight.system.files import read_json, reading


def commands(experiment: Path) -> list[str]:
    """What was typed, if the sweep's journal is there; a line for all jobs, or for each."""
    file = experiment / "jobs.json"
    if not file.is_file():
        return []
    try:
        jobs = read_json(file)
        with reading(file, "a sweep's jobs"):
            if not isinstance(jobs, list):
                raise TypeError(f"it holds {type(jobs).__name__}, not a list")
            jobs = [[str(override) for override in job["overrides"]] for job in jobs]
    except UserError as damaged:
        left_out(damaged)
        return []
    values: dict[str, dict[str, None]] = {}
    for job in jobs:
        for override in job:
            key, _, value = override.partition("=")
            values.setdefault(key, {})[value] = None
    whole = 1
    for found in values.values():
        whole *= len(found)
    every = all(len(job) == len(values) for job in jobs)
    if every and whole == len(jobs):
        swept = shlex.join(f"{key}={','.join(found)}" for key, found in values.items())
        return [f"python scripts/train.py {'-m ' if len(jobs) > 1 else ''}{swept}"]
    return [f"python scripts/train.py {shlex.join(job)}" for job in jobs]


def environments(experiment: Path, folders: Iterable[str]) -> list[str]:
    """Versions, device and commit of each of the environments that runs were trained in."""
    lines: dict[str, None] = {}
    for folder in folders:
        file = experiment / folder / "environment.json"
        if not file.is_file():
            continue
        try:
            environment = read_json(file, ["versions"])
            with reading(file, "a run's environment"):
                lines[_described(environment)] = None
        except UserError as damaged:
            left_out(damaged)
    return list(lines)


def _described(environment: Mapping[str, Any]) -> str:
    versions = ", ".join(
        f"{name} {version}" for name, version in dict(environment["versions"]).items()
    )
    git = dict(environment.get("git") or {})
    commit = f"; commit {git['commit']}" if git.get("commit") else ""
    changed = " with uncommitted changes" if git.get("dirty") else ""
    where = f"Python {environment.get('python', '–')} on {environment.get('device', '–')}"
    return f"{where}: {versions}{commit}{changed}"
