"""Packages with several images of each camera, from the source to verdicts."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance
from trained import SMALL, runs_by_perspective

from packsight.preparation.layout import is_image


@pytest.fixture(scope="module")
def source(tmp_path_factory, sample) -> Path:
    """The rendered packages, of each two further side images and every second time a top one."""
    root = tmp_path_factory.mktemp("burst") / "raw"
    with zipfile.ZipFile(sample) as packed:
        packed.extractall(root)
    for file in sorted(path for path in root.rglob("*.*") if is_image(path.relative_to(root))):
        more = 2 if file.stem.endswith("_side") else int(file.stem[12]) % 2
        for shot in range(1, more + 1):
            with Image.open(file) as image:
                lighter = ImageEnhance.Brightness(image).enhance(1 + 0.1 * shot)
            lighter.save(file.with_name(f"{file.stem}_{shot}.jpg"))
    return root


@pytest.fixture(scope="module")
def workspace(source, script) -> Path:
    folder = source.parent
    sweep = ["-m", "data.source=raw", "perspective=side,pair", "burst=max", *SMALL]
    assert script("train", *sweep, cwd=folder) == 0
    return folder


@pytest.fixture(scope="module")
def runs(workspace) -> dict[str, Path]:
    return runs_by_perspective(workspace)


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """predictions.csv, shots.csv and metrics.json."""
    tables = [pd.read_csv(folder / f"{name}.csv", dtype={"serial": str})
              for name in ("predictions", "shots")]  # fmt: skip
    return *tables, json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("part", ["side", "pair"])
def test_a_package_is_one_row_with_the_highest_score_of_its_images(runs, part):
    pooled, images, metrics = read(runs[part])
    assert not pooled.duplicated(["serial", "split"]).any()
    assert len(images) == 3 * len(pooled) == pooled["shots"].sum()
    highest = images.groupby("serial")["probability"].max()
    assert np.allclose(pooled["probability"], highest[pooled["serial"]])
    best = images.set_index("path")["probability"]
    assert np.allclose(best[pooled["path"]], pooled["probability"])
    test = metrics["test"]["all"]
    assert (test["images"], test["packages"]) == (
        3 * test["packages"],
        sum(pooled["split"] == "test"),
    )
    assert np.sum(test["confusion"]) == test["packages"]


def test_the_run_keeps_how_its_bursts_are_pooled_and_stands_beside_others(runs, workspace, script):
    assert "burst: max" in (runs["side"] / "config.yaml").read_text()
    assert runs["side"].name != "split_seed0"


def test_evaluate_and_explain_take_packages_as_training_did(runs, workspace, script):
    assert script("evaluate", f"run={runs['side']}", cwd=workspace) == 0
    found = read(runs["side"] / "evaluations" / "raw_test")[2]
    assert found["test"] == read(runs["side"])[2]["test"]
    explain = [f"run={runs['pair']}", "per_outcome=1", "explainer.max_steps=16", "measured=2"]
    assert script("explain", *explain, cwd=workspace) == 0
    table = pd.read_csv(runs["pair"] / "explanations" / "attributions.csv")
    assert not table["serial"].duplicated().any()


@pytest.mark.parametrize("part", ["side", "pair"])
def test_predict_gives_a_package_the_verdict_of_all_its_images(workspace, source, script, part):
    photos = workspace / f"photos_{part}"
    photos.mkdir()
    images = [path for path in source.rglob("*.*") if is_image(path.relative_to(source))]
    serials = sorted({file.stem[:13] for file in images})[:2]
    for file in images:
        if file.stem[:13] in serials:
            shutil.copy(file, photos)
    command = ["run=outputs/exp", f"member=*/{part}/*", f"source={photos.name}", f"output={part}"]
    assert script("predict", *command, "decision=none", cwd=workspace) == 0
    table = pd.read_csv(workspace / part / "predictions.csv", dtype={"serial": str})
    assert table["error"].isna().all()
    side = table[table["serial"].eq(serials[0]) & table["perspective"].eq("side")]
    assert sorted(side["shot"]) == [0, 1, 2]
    verdicts = pd.read_csv(workspace / part / "verdicts.csv", dtype={"serial": str})
    assert verdicts["serial"].tolist() == serials
    if part == "side":
        found = side["probability"][side["crop"] != "frame"]
        highest = (side["probability"] if found.empty else found).max()
        assert verdicts["probability"][0] == pytest.approx(highest)
    else:
        assert set(verdicts["cameras"]) == {"top+side"}
