"""Whole training processes: the floor, packsight, packsight with each lever off, and peers."""

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packsight.benchmark.measure import Contender, Spread, interleaved, ratios, skipped
from packsight.benchmark.work import Work
from packsight.system.malloc import KEEP

# One thing changed at a time: overrides of packsight's configuration.
LEVERS = {
    "without channels_last": ["model.memory_format=contiguous"],
    "2 workers": ["data.num_workers=2"],
    "images on the device": ["data.on_device=true"],
    "images from the cache": ["data.on_device=false"],
    "without tensorboard": ["logger=none"],
    "without determinism": ["trainer.deterministic=false"],
    "without augmentation": ["transforms=none"],
}
COMPILED = {"compiled": ["model.compile=default"]}
# A setting that changes nothing; packsight then leaves malloc alone. (To say MALLOC_MMAP_MAX_'s
# default would change something: glibc then no longer adapts to the sizes that it sees.)
GIVEN_BACK = {"GLIBC_TUNABLES": "glibc.malloc.perturb=0"}


def whole_processes(work: Work) -> dict[str, Any]:
    """packsight against the floor, which has four forms, and against peers."""
    contenders = {
        "floor": work.floor("floor"),
        "packsight": work.train("packsight"),
        "packsight auto": work.train("auto", "precision=auto"),
        "floor, default layout": work.floor("floor_nchw", channels_last=False),
        "floor, decodes first": work.floor("floor_decode", decode=True),
        "floor, memory kept": replace(work.floor("floor_kept"), environment=KEEP),
        **peers(work),
    }
    return compared(interleaved(contenders, work.cfg.repetitions, "whole processes"))


def levers(work: Work) -> dict[str, Any]:
    """packsight with one thing changed at a time, as ratios to packsight at its defaults."""
    contenders = {"packsight": work.train("packsight")}
    for name, overrides in (LEVERS | (COMPILED if work.cfg.compile else {})).items():
        contenders[name] = work.train(f"lever_{name.replace(' ', '_')}", *overrides)
    contenders["memory given back"] = replace(work.train("lever_memory"), environment=GIVEN_BACK)
    contenders["without a cache"] = _cold(work.train("lever_cache"), work)
    results = interleaved(contenders, work.cfg.repetitions, "levers")
    return compared(results, reference="packsight")


def peers(work: Work) -> dict[str, Contender]:
    """Common ways to train the same model on the same images, where they are installed."""
    found = {}
    for workers in (0, 2):
        steps = work.folder / f"lightning_{workers}.steps.json"
        arguments = [str(work.image_folder), str(steps), str(workers)]
        arguments += [work.cfg.backbone, str(work.cfg.image_size)]
        arguments += [str(work.cfg.batch_size), str(work.cfg.epochs)]
        command = [sys.executable, "-m", "packsight.benchmark.lightning_peer", *arguments]
        found[f"Lightning + ImageFolder, {workers} workers"] = Contender(
            command, work.folder, steps
        )
    if work.cfg.timm_train:
        found["timm's train script"] = timm_script(work)
    else:
        skipped("timm's train script", "its wheel does not hold it; give timm_train=<train.py>")
    if importlib.util.find_spec("fastai"):
        found["fastai"] = Contender(
            [sys.executable, "-m", "packsight.benchmark.fastai_peer", str(work.image_folder),
             work.cfg.backbone, str(work.cfg.image_size), str(work.cfg.batch_size),
             str(work.cfg.epochs)],
            work.folder,
        )  # fmt: skip
    else:
        skipped("fastai", "it is not installed")
    return found


def timm_script(work: Work) -> Contender:
    """timm's train.py with settings that do the same work."""
    assert work.cfg.timm_train
    script = str(Path(work.cfg.timm_train).resolve())
    output = work.folder / "timm"
    size = str(work.cfg.image_size)
    options = {
        "--data-dir": str(work.image_folder), "--train-split": "train", "--val-split": "val",
        "--model": work.cfg.backbone, "--num-classes": "2", "--img-size": size,
        "--batch-size": str(work.cfg.batch_size), "--epochs": str(work.cfg.epochs),
        "--opt": "adamw", "--lr": "0.001", "--workers": "0", "--device": "cpu",
        "--output": str(output),
    }  # fmt: skip
    arguments = [item for option in options.items() for item in option]
    return Contender(
        [sys.executable, script, *arguments],
        work.folder,
        reset=lambda: shutil.rmtree(output, ignore_errors=True),
    )


def compared(
    results: Mapping[str, Mapping[str, Spread]], reference: str = "floor"
) -> dict[str, Any]:
    """The measurements of each contender, with their ratios to the reference."""
    numbers = ("seconds", "first_step", "images_per_second")
    shares = {key: ratios(results, key, reference) for key in numbers}
    return {
        name: {**row, **{f"{key}_ratio": shares[key][name] for key in numbers if key in row}}
        for name, row in results.items()
    }


def _cold(contender: Contender, work: Work) -> Contender:
    """The same with an empty image cache."""

    def reset() -> None:
        contender.reset()
        shutil.rmtree(work.cache, ignore_errors=True)

    return replace(contender, reset=reset)
