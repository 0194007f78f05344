"""The work that all contenders do: images, what is trained on them, and the commands for it."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from hydra import compose
from omegaconf import OmegaConf

from packsight.benchmark.measure import Contender
from packsight.configuration.schema import BenchmarkConfig
from packsight.domain import LABELS, Split
from packsight.preparation.manifest import read_manifest

NAME = "benchmark"  # of the prepared data


@dataclass(frozen=True)
class Work:
    """One training task: the side images of prepared data, at one size, for a few epochs."""

    cfg: BenchmarkConfig
    folder: Path  # everything is written here; it is every process's working directory

    @property
    def data(self) -> Path:
        return self.folder / "outputs" / "data" / NAME

    @property
    def cache(self) -> Path:
        return self.folder / "outputs" / "cache"

    @cached_property
    def table(self) -> pd.DataFrame:
        manifest = read_manifest(self.data)
        return manifest[manifest["perspective"] == "side"].reset_index(drop=True)

    def script(self, stage: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "packsight", stage, *arguments]

    def prepare(self) -> None:
        """The images, prepared once: the given ones, or as many as configured, rendered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.data.exists():
            images = f"data.sample.packages={self.cfg.packages}"
            if self.cfg.source:
                images = f"data.source={Path(self.cfg.source).resolve()}"
            command = self.script("prepare", f"data.name={NAME}", images)
            subprocess.run(command, cwd=self.folder, check=True)
        if not self.array.exists():
            decoded = [decode(file, self.cfg.image_size) for file in self.files]
            np.save(self.array, np.stack(decoded))

    @cached_property
    def image_folder(self) -> Path:
        """The same images as train/<label>/ and val/<label>/, by links, for peers."""
        folder = self.folder / "image_folder"
        for row, file in zip(self.table.to_dict("records"), self.files, strict=True):
            link = folder / row["split"] / row["label"] / Path(file).name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(file)
        return folder

    @property
    def files(self) -> list[str]:
        return [str(self.data / path) for path in self.table["path"]]

    @property
    def array(self) -> Path:
        return self.folder / f"side-{self.cfg.image_size}-{len(self.table)}.npy"

    def train(self, name: str, *overrides: str, finetune: str = "scratch") -> Contender:
        """packsight's own training, at its defaults but for what defines the work."""
        steps = self.folder / f"{name}.steps.json"
        arguments = (
            f"name={name}",
            f"data.source={self.data}",
            f"data.batch_size={self.cfg.batch_size}",
            f"data.image_size={self.cfg.image_size}",
            f"model.backbone={self.cfg.backbone}",
            "model.weights=none",
            "recipe=full_frame",
            f"finetune={finetune}",
            f"trainer.max_epochs={self.cfg.epochs}",
            "+callbacks.clock._target_=packsight.benchmark.clock.Clock",
            f"+callbacks.clock.file={steps}",
        )
        runs = self.folder / "outputs" / name
        return Contender(
            self.script("train", *arguments, *overrides),
            self.folder,
            steps,
            lambda: shutil.rmtree(runs, ignore_errors=True),
        )

    def floor(self, name: str, **settings: Any) -> Contender:
        """The hand-written loop; `settings` replace those of the best one."""
        steps = self.folder / f"{name}.steps.json"
        split = self.table["split"]
        rows = {part: np.flatnonzero(split == part).tolist() for part in (Split.TRAIN, Split.VAL)}
        complete = {
            "array": str(self.array),
            "files": self.files,
            "decode": False,
            "channels_last": True,
            "labels": [LABELS.index(label) for label in self.table["label"]],
            "train": rows[Split.TRAIN],
            "val": rows[Split.VAL],
            "backbone": self.cfg.backbone,
            "size": self.cfg.image_size,
            "batch_size": self.cfg.batch_size,
            "epochs": self.cfg.epochs,
            "checkpoint": str(self.folder / f"{name}.pt"),
            "steps": str(steps),
        }
        settings_file = self.folder / f"{name}.settings.json"
        settings_file.write_text(json.dumps(complete | settings), encoding="utf-8")
        command = [sys.executable, "-m", "packsight.benchmark.floor", str(settings_file)]
        return Contender(command, self.folder, steps)


def transforms() -> dict[str, Any]:
    """The `transforms.pipeline` that packsight's side images go through by default."""
    cfg = compose("train", ["perspective=side"])  # Hydra runs already: it started the benchmark
    values: Any = OmegaConf.to_container(cfg.transforms.pipeline, resolve=True)
    return values


def decode(file: str, size: int) -> np.ndarray:
    """An image file as RGB uint8 [size, size, 3]."""
    image = cv2.imread(file, cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
