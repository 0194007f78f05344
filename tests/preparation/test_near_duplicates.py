"""Pictures that were saved twice are found across splits and folds; packages alike are not."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from packsight.preparation.near_duplicates import near_duplicates, told


def _picture(seed: int) -> np.ndarray:
    """A box with its own print on a belt that all share, RGB uint8."""
    belt = cv2.resize(np.random.default_rng(99).integers(60, 90, (9, 16, 3), np.uint8), (320, 180))
    noise = np.random.default_rng(seed).integers(0, 255, (12, 20, 3), np.uint8)
    belt[40:140, 60:260] = cv2.resize(noise, (200, 100), interpolation=cv2.INTER_CUBIC)
    return belt


def _table(folder: Path, pictures: list[np.ndarray], **columns: object) -> pd.DataFrame:
    rows = []
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        rows.append({"serial": f"{number:013d}", "perspective": "side", "path": f"{number}.png",
                     "crop": "60 40 260 140", "split": "train", "fold": number % 2})  # fmt: skip
    return pd.DataFrame(rows).assign(**columns).astype({"fold": "Int64"})


CHANGES = {
    "jpeg": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 50])[1], 1),
    "lighter": lambda image: cv2.convertScaleAbs(image, alpha=1.1, beta=8),
    "shrunk": lambda image: cv2.resize(cv2.resize(image, (160, 90)), (320, 180)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_saved_again_is_found(tmp_path, change):
    first = _picture(0)
    again = CHANGES[change](first)
    table = _table(tmp_path, [first, _picture(1), _picture(2), again])
    found = near_duplicates(table, tmp_path)
    assert found["count"] == 1
    [pair] = found["pairs"]
    assert pair["images"] == ["0.png", "3.png"]
    assert pair["folds"] == [0, 1]
    assert pair["splits"] == ["train", "train"]
    assert 0 <= pair["distance"] <= 0.12
    assert "folds: 1, such as" in told(found)
    assert "such as 0.png and 3.png" in told(found)


def test_different_prints_on_one_belt_are_no_duplicates(tmp_path):
    table = _table(tmp_path, [_picture(seed) for seed in range(8)])
    assert near_duplicates(table, tmp_path) == {"count": 0, "pairs": []}


@pytest.mark.parametrize(
    "apart",
    [{"fold": 0}, {"perspective": ["side", "top"]}, {"serial": "0000000000000"}],
)
def test_only_different_packages_of_one_camera_that_are_held_apart_count(tmp_path, apart):
    table = _table(tmp_path, [_picture(0), _picture(0)], **apart)
    assert near_duplicates(table, tmp_path)["count"] == 0


def test_splits_without_folds_count_too(tmp_path):
    table = _table(tmp_path, [_picture(0), _picture(0)], split=["train", "test"], fold=pd.NA)
    [pair] = near_duplicates(table, tmp_path)["pairs"]
    assert pair["splits"] == ["train", "test"]
    assert pair["folds"] == [None, None]
    assert pair["distance"] == 0


def test_empty_pictures_are_not_compared(tmp_path):
    table = _table(tmp_path, [np.full((180, 320, 3), 80, np.uint8)] * 2)
    assert near_duplicates(table, tmp_path)["count"] == 0
