"""A line's file: its start and a package's time by part, beside eager torch and bare networks."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from packsight.benchmark.measure import Contender, interleaved, run
from packsight.benchmark.work import Work
from packsight.deployment.serving import serve
from packsight.export.contents import models_of
from packsight.imaging.decode import read_rgb
from packsight.line.ensemble import Ensemble
from packsight.line.model import LineModel
from packsight.line.package import PARTS, Inspector
from packsight.preparation.manifest import read_manifest
from packsight.runs.saved import find_runs

NAME = "line"
FILES = {"with mirror images": "true", "without": "false"}
WARM, TIMED = 10, 100  # packages
Package = tuple[str, dict[str, Path]]


def line_costs(work: Work) -> dict[str, Any]:
    """Milliseconds a package of two images, one at a time; then many at once, and whole processes.

    The models are one for each camera, trained for one epoch at the default sizes: what they say
    does not matter here.
    """
    runs = work.folder / "outputs" / NAME
    packages = _packages(work)
    results: dict[str, Any] = {}
    starts = {}
    for camera in ("top", "side"):
        if not any((runs).rglob(f"{camera}/*/*/checkpoints/best.ckpt")):
            run(Contender(_training(work, camera), work.folder))
    for name, mirrors in FILES.items():
        file = work.folder / f"line-{mirrors}.pyz"
        if not file.is_file():
            asked = [f"run={runs}", f"source={work.data}", f"output={file}", f"mirrors={mirrors}"]
            command = work.script("export", *asked, "decision=none", "agreement=0")
            run(Contender(command, work.folder))
        line = LineModel.open(file)
        results[name] = _latencies(line.decide, packages)
        results[f"{name}, bare networks"] = _bare(line.inspector, packages)
        results[f"{name}, all cores"] = {"packages_per_second": _rate(file, packages)}
        files = [str(image) for image in packages[0][1].values()]
        starts[name] = Contender([sys.executable, str(file), "score", *files], work.folder)
    with find_runs(runs, "*", 0) as found:
        eager = Inspector(models_of(serve(found), mirrors=True, exact=False))
    results["eager torch, with mirror images"] = _latencies(eager.decide, packages)
    return results | {"start to first verdict": interleaved(starts, work.cfg.repetitions, "starts")}


def _training(work: Work, camera: str) -> list[str]:
    given = [f"name={NAME}", f"data.source={work.data}", f"perspective={camera}"]
    given += [f"model.backbone={work.cfg.backbone}", "model.weights=none", "finetune=scratch"]
    return work.script("train", *given, "trainer.max_epochs=1", "precision=fp32")


def _packages(work: Work) -> list[Package]:
    """WARM and TIMED packages with both images; those that there are, again and again."""
    held: dict[str, dict[str, Path]] = {}
    for row in read_manifest(work.data).itertuples():
        held.setdefault(str(row.serial), {})[str(row.perspective)] = work.data / str(row.path)
    whole = [(serial, images) for serial, images in held.items() if len(images) == 2]
    return [whole[place % len(whole)] for place in range(WARM + TIMED)]


def _latencies(
    decide: Callable[[str, Mapping[str, Path]], Any], packages: Sequence[Package]
) -> dict[str, Any]:
    rows = []
    for serial, images in packages:
        begun = time.perf_counter()
        parts = decide(serial, images).seconds
        rows.append({"whole": time.perf_counter() - begun} | parts)
    return {part: _percentiles([row[part] for row in rows[WARM:]]) for part in ("whole", *PARTS)}


def _bare(line: Inspector, packages: Sequence[Package]) -> dict[str, float]:
    """The networks alone, on images that are ready."""
    seconds = []
    for _, images in packages:
        ready = []
        for camera, file in images.items():
            model: Ensemble[Any] = line.models[camera]
            seen, _ = model.look(read_rgb(file), camera)
            ready += [(member, model.compose({camera: seen})) for member in model.members]
        begun = time.perf_counter()
        for member, views in ready:
            member.probabilities(views)
        seconds.append(time.perf_counter() - begun)
    return _percentiles(seconds[WARM:])


def _rate(file: Path, packages: Sequence[Package]) -> float:
    line = LineModel.open(file, threads=1)
    workers = os.cpu_count() or 1
    for _ in line.decide_all(packages[:WARM], workers):
        pass
    begun = time.perf_counter()
    found = sum(1 for _ in line.decide_all(packages[WARM:], workers))
    return found / (time.perf_counter() - begun)


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(np.array(seconds) * 1e3, [50, 95, 99]).tolist()
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
