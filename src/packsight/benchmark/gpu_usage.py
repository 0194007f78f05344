"""Prediction, evaluation and explanation on a GPU, from files and from the cache."""

import time
from collections.abc import Callable
from typing import Any

import torch

from packsight.benchmark.gpu_step import peak_mb, rate, reset_peak, wait
from packsight.benchmark.measure import Spread, in_turns, run
from packsight.benchmark.prediction import png_files
from packsight.benchmark.work import Work
from packsight.data.datamodule import PackageDataModule
from packsight.deployment.frame_scores import score
from packsight.deployment.new_images import name_images
from packsight.deployment.predictor import Predictor
from packsight.domain import Split
from packsight.evaluation.scoring import score_split
from packsight.explanation.attribution import Scorer, exact
from packsight.explanation.integrated_gradients import IntegratedGradients
from packsight.line.ensemble import Ensemble
from packsight.runs.saved import Run, find_runs

RUN = "usage"
BATCH = 32
EXPLAINED = 8  # images
BATCHES = (8, 32, 128)  # points of Integrated Gradients at once


def usage_rates(work: Work, device: torch.device) -> dict[str, Any]:
    """Images a second of each stage's work in this process, with a network trained by the script.

    `explain` takes 48 points on the path of each image.
    """
    folder = work.folder / "outputs" / RUN
    if not any(folder.rglob("best.ckpt")):
        started = time.perf_counter()
        run(work.train(RUN))
        trained = time.perf_counter() - started
    else:
        trained = float("nan")
    with find_runs(folder, "*", 0) as [one]:
        data = one.open_data(work.data, None, work.cache, max_unpacked_gb=20)
        return {
            "train, whole process": {"seconds": round(trained, 2)},
            **_scoring(work, one, data, device),
            **_explaining(one, data, device),
        }


def _scoring(
    work: Work, run: Run, data: PackageDataModule, device: torch.device
) -> dict[str, dict[str, Any]]:
    predictor = Predictor.from_run(run, device.type)
    alone = Ensemble([predictor])
    ready = data.images(data.rows(Split.TRAIN)["path"])[:BATCH].to(device)
    photos = png_files(work)
    names = name_images(photos[0].parent, photos, "side")
    inputs = [{"side": row} for row in names.index]
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "predict, from PNG": (
            lambda: score(alone, photos[0].parent, names, inputs, BATCH, predictor.device),
            len(photos),
        )
    }
    count = len(data.rows(Split.TRAIN))
    calls["evaluate, from the cache"] = (
        lambda: score_split(
            predictor.network, data, Split.TRAIN, predictor.device, predictor.mirrors
        ),
        count,
    )
    turns = in_turns({name: call for name, (call, _) in calls.items()}, work.cfg.repetitions)
    table: dict[str, dict[str, Any]] = {
        name: {"images_per_second": Spread.of(round(count / turn[name], 1) for turn in turns)}
        for name, (_, count) in calls.items()
    }

    @torch.inference_mode()
    def forward() -> None:
        predictor.network.probability(ready, predictor.mirrors)

    table["forward alone, batches of 32"] = {"images_per_second": rate(forward, BATCH, device)}
    return table


def _explaining(
    run: Run, data: PackageDataModule, device: torch.device
) -> dict[str, dict[str, Any]]:
    scorer = Scorer(run.load_network().to(device))
    paths = data.rows(Split.TRAIN)["path"][:EXPLAINED]
    images = data.images(paths).to(device).float() / 255
    black = torch.zeros_like(images)[:, None]
    table = {}
    for size in BATCHES:
        method = IntegratedGradients(["black"], 48, max_steps=48, max_batch=size)
        reset_peak(device)
        with exact(device):
            method.explain(scorer, images, black)  # warm-up
            wait(device)
            started = time.perf_counter()
            method.explain(scorer, images, black)
            wait(device)
        seconds = time.perf_counter() - started
        table[f"explain, {size} points at once"] = {
            "images_per_second": round(len(images) / seconds, 2), "peak_mb": peak_mb(device),
        }  # fmt: skip
    return table
