"""Which of several runs serves a camera: the one that a decision or validation packages prefer."""

from collections.abc import Sequence
from pathlib import Path

from packsight.data.pairing import PAIR
from packsight.decision.rule import Decision
from packsight.deployment.predictor import Predictor
from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.evaluation.results import read_metrics
from packsight.runs.decision_file import find_decision, serving
from packsight.runs.saved import Run, find_runs
from packsight.system.console import console
from packsight.system.files import reading


def load_predictor(
    path: str | Path,
    camera: str | None = None,
    device: str = "auto",
    max_unpacked_gb: float = 20.0,
    decision: str | None = None,
) -> Predictor:
    """One model of a run, an experiment, a checkpoint or models.zip; for a camera, if given.

    It is the one that the decision beside them lets serve, or the best on validation packages;
    `decision` is another decision.json, or "none". Where the mean of several serves, it is the best
    of these: `packsight predict` scores with all. Raises UserError where there is none, or models
    of several cameras to choose from.
    """
    with find_runs(path, "*", int(max_unpacked_gb * 10**9)) as runs:
        found = find_decision(decision, path, runs, "*")
        chosen = best_runs(runs) if found is None else _serving(found, runs)
        pair = best_pair(runs) if found is None else chosen.get(PAIR)
        if pair is not None:
            return Predictor.from_run(pair, device)
        cameras = [camera] if camera else list(chosen)
        if len({run.folder for run in chosen.values()}) == 1 and not camera:
            cameras = cameras[:1]  # one model for either camera
        if len(cameras) != 1 or cameras[0] not in chosen:
            raise UserError(
                f"{path} has models for {' and '.join(chosen)}; choose one with camera=."
            )
        return Predictor.from_run(chosen[cameras[0]], device)


def _serving(decision: Decision, runs: Sequence[Run]) -> dict[str, Run]:
    """For each camera, or for both as a pair, the run that a decision lets serve."""
    chosen = {}
    for part, members in serving(decision, runs).items():
        chosen[part] = _best([*members], part)
        if len(members) > 1:
            console.print(
                f"{part}: of the {len(members)} models whose mean decides, {chosen[part].name}, "
                "the best on validation packages",
                soft_wrap=True, markup=False, highlight=False,
            )  # fmt: skip
    return chosen


def best_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """For each camera that a run was trained on, the run that is best on validation packages."""
    chosen = {}
    for camera in Perspective:
        perspectives = [run.config.perspective for run in runs]
        able = [
            run
            for run, perspective in zip(runs, perspectives, strict=True)
            if camera in perspective.cameras and not perspective.paired
        ]
        if able:
            chosen[camera.value] = _best(able, camera)
    return chosen


def best_pair(runs: Sequence[Run]) -> Run | None:
    """The best run that gets both images of a package, where there is nothing but such runs."""
    pairs = [run for run in runs if run.config.perspective.paired]
    return _best(pairs, PAIR) if pairs and len(pairs) == len(runs) else None


def _best(able: list[Run], part: str) -> Run:
    """The run with the best figure on validation packages."""
    if len(able) == 1:
        return able[0]
    monitors = {(run.config.monitor, run.config.monitor_mode) for run in able}
    if len(monitors) > 1:
        raise UserError("these runs were judged by different metrics; choose one with member=.")
    if len({run.config.manifest for run in able}) > 1:
        raise UserError(
            "these runs were trained on different data, so their figures do not compare; choose "
            "one with member=."
        )
    [(monitor, mode)] = monitors
    sign = 1 if mode == "min" else -1
    return min(able, key=lambda run: _validation(run, part, monitor.removeprefix("val/"), sign))


def _validation(run: Run, part: str, metric: str, sign: int) -> float:
    """A run's figure on validation packages, the lower the better."""
    file = run.folder / "metrics.json"
    if not file.is_file():
        raise UserError(f"{run.folder} has no metrics.json; choose one run with member=.")
    metrics = read_metrics(file)
    with reading(file, "a run's metrics"):
        parts = metrics["val"]
        value = parts.get(part, parts["all"])[metric]
    return float("inf") if value is None else sign * value
