"""Prediction and evaluation beside what they cannot do without: decoding and forward passes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from packsight.benchmark.measure import Spread, in_turns
from packsight.benchmark.work import Work
from packsight.data.datamodule import PackageDataModule
from packsight.deployment.frame_scores import score
from packsight.deployment.new_images import name_images
from packsight.deployment.predictor import Predictor
from packsight.domain import Split
from packsight.evaluation.scoring import score_split
from packsight.imaging.decode import read_image
from packsight.line.ensemble import Ensemble
from packsight.runs.saved import Run
from packsight.system.parallel import on_all_cores

BATCH = 32


def prediction_rates(work: Work, run: Run, data: PackageDataModule) -> dict[str, Any]:
    """Images per second from PNG files and from the cache, beside the limit that their parts set.

    Decoding and forward passes alone each have all cores; both in one process share them, so that
    the limit is 1 / (1 / decoding + 1 / forward). The forward pass has the faster of two forms: a
    batch at a time, whose layers the cores share, or as many small batches as there are cores; its
    network is timm's, with nothing folded. All take the same images the same number of times.
    `ratio` is the median of each turn's own.
    """
    photos = [Path(file) for file in png_files(work)]
    predictor = Predictor.from_run(run, "cpu")
    alone = Ensemble([predictor])
    network = run.load_network().to(memory_format=torch.channels_last)
    names = name_images(photos[0].parent, photos, "side")
    inputs = [{"side": row} for row in names.index]
    ready = data.images(data.rows(Split.TRAIN)["path"])
    ready = ready.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward(images: Tensor) -> Tensor:
        return network.probability(images, predictor.mirrors)

    def part(rows: Sequence[int]) -> Tensor:
        return forward(ready[rows[0] : rows[-1] + 1])

    def decode() -> None:
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for _ in pool.map(read_image, photos):
                pass

    parts = {
        "decoding alone": (decode, len(photos)),
        "forward, batches of 32": (lambda: [*map(forward, ready.split(BATCH))], len(ready)),
        "forward, a core each": (
            lambda: [*on_all_cores(part, range(len(ready)), BATCH, predictor.device)], len(ready)
        ),
        "predict": (
            lambda: score(alone, photos[0].parent, names, inputs, BATCH, predictor.device),
            len(photos),
        ),
        "evaluate": (
            lambda: score_split(predictor.network, data, Split.TRAIN, predictor.device), len(ready)
        ),
    }  # fmt: skip
    calls = {name: call for name, (call, _) in parts.items()}
    turns = [
        {name: parts[name][1] / seconds for name, seconds in turn.items()}
        for turn in in_turns(calls, work.cfg.repetitions)
    ]
    table = {name: {"images_per_second": Spread.of(turn[name] for turn in turns)} for name in parts}
    forwards = [max(turn[name] for name in parts if "forward" in name) for turn in turns]
    limits = [
        1 / (1 / turn["decoding alone"] + 1 / bare)
        for turn, bare in zip(turns, forwards, strict=True)
    ]
    for name, bounds in (("predict", limits), ("evaluate", forwards)):
        found = Spread.of(turn[name] / bound for turn, bound in zip(turns, bounds, strict=True))
        table[name]["ratio"] = found
    return {
        **{name: row for name, row in table.items() if "ratio" not in row},
        "predict from PNG, of the limit of both": table["predict"],
        "evaluate from the cache, of forward": table["evaluate"],
    }


def png_files(work: Work) -> list[Path]:
    """The images of the work as PNG files in one folder."""
    folder = work.folder / "png"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{Path(file).stem}.png" for file in work.files]
    for source, file in zip(work.files, files, strict=True):
        if not file.exists():
            cv2.imwrite(str(file), read_image(Path(source))[..., ::-1])
    return files
