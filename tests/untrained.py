"""An experiment whose networks were not trained, on rendered data: all that an export needs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
import yaml
from complete_config import complete
from decisions import BAND

from packsight.configuration.stored import read_values
from packsight.data.membership import members
from packsight.decision.rule import Decision, write_decision
from packsight.imaging.belt_arrays import pack_belts
from packsight.imaging.belt_file import load_belts
from packsight.models.weights import create_network
from packsight.preparation.manifest import NAME, read_manifest
from packsight.preparation.prepare import prepare
from packsight.preparation.prepared import stored_split_settings
from packsight.preparation.splits import SplitSettings, fold_splits
from packsight.system.files import sha256

SIZE = (48, 64)


def packages(folder: Path, number: int = 12) -> Path:
    """Raw images of packages, white rectangles on a striped belt, seen by both cameras."""
    for place in range(2 * number):
        rng = np.random.default_rng(place)
        frame = np.full((270, 480, 3), 110.0) + rng.normal(0, 8, (270, 480, 1))
        frame[:, (np.arange(480) + rng.integers(30)) % 30 < 4] = 50
        where = ((rng.uniform(150, 330), rng.uniform(90, 180)), (120, 60), rng.uniform(-15, 15))
        image = frame.clip(0, 255).astype(np.uint8)
        cv2.fillPoly(image, [np.rint(cv2.boxPoints(where)).astype(int)], (230, 225, 220))
        image[rng.integers(90, 180) :, :240] //= 2  # so that scores differ
        camera, label = ("top", "side")[place % 2], ("intact", "damaged")[place // 2 % 2]
        file = folder / label / camera / f"{place // 2:013d}_{camera}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), image)
    return folder


def prepared(folder: Path, number: int = 12) -> Path:
    """`<folder>/outputs/data/lines`: these packages prepared, in two folds."""
    settings = SplitSettings({"train": 0.5, "val": 0.25, "test": 0.25}, folds=2)
    return prepare(
        packages(folder / "raw", number), folder / "outputs" / "data" / "lines", settings
    )


def write_run(experiment: Path, data: Path, perspective: str, fold: int, **changes: Any) -> Path:
    """A run's folder with a checkpoint of random weights, whose scores spread."""
    paired = perspective == "pair"
    cameras = ["top", "side"] if perspective in ("pair", "both") else [perspective]
    config = complete(
        {
            "manifest": sha256(data / NAME),
            "data": {"name": "lines", "fold": fold, "image_size": [*SIZE]},
            "perspective": {"name": perspective, "cameras": cameras, "paired": paired},
            "model": {"backbone": "test_resnet", "weights": "none"},
            "crop": {"name": "auto", "margin": 0.05, "upright": ["top"], "image_size": None},
            "precision": {"name": "fp32"},
        }
        | changes
    )
    folder = experiment / "lines" / "test_resnet" / perspective / "fp32" / f"fold{fold}_seed0"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    torch.manual_seed(10 * fold + len(perspective))
    network = create_network("test_resnet", SIZE, paired=paired)
    torch.nn.init.normal_(network.heads[0].weight, std=2.0)
    table = read_manifest(data)
    table = table[table["perspective"].isin(cameras)]
    table = table.assign(split=fold_splits(table, fold, stored_split_settings(data)))
    checkpoint = {
        "state_dict": {f"network.{key}": value for key, value in network.state_dict().items()},
        "belts": {key: torch.from_numpy(v) for key, v in pack_belts(load_belts(data)).items()},
        "packages": members(table).to_dict("list"),
        "config": read_values(folder),
    }
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    return folder


def experiment(
    folder: Path, data: Path, parts: tuple[str, ...] = ("top", "side"), decided: bool = True
) -> Path:
    """Runs of two folds for each part, with a decision on them."""
    made = folder / "outputs" / "line"
    runs = {
        part: tuple(
            write_run(made, data, part, fold).relative_to(made).as_posix() for fold in (0, 1)
        )
        for part in parts
    }
    if decided:
        write_decision(_decision(runs), made)
    return made


def _decision(runs: dict[str, tuple[str, ...]]) -> Decision:
    one = len(runs) == 1
    cameras = ("top", "side") if "pair" in runs or not one else tuple(runs)
    return replace(
        BAND,
        accept_below=0.5,
        reject_from=0.5,
        runs=runs,
        cameras=cameras,
        fusion=None if one else BAND.fusion,
    )


def agree(found: pd.DataFrame, predicted: pd.DataFrame) -> None:
    """Assert that a line's verdicts are those of predict, by serial."""
    assert [*found.index] == [*predicted.index]
    for column in ("decision", "reason", "cameras"):
        assert found[column].tolist() == predicted[column].tolist()
    for column, of in (("score", "probability"), ("probability", "calibrated")):
        np.testing.assert_allclose(found[column], predicted[of], atol=1e-4)
