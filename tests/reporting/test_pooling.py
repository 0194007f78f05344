"""Folds become one row per configuration, chosen by validation; two cameras become verdicts."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml

from packsight.reporting.findings import findings
from packsight.reporting.leaderboard import collect
from packsight.reporting.leaderboard_table import leaderboard_table
from packsight.reporting.page import write_report
from packsight.reporting.pooling import Pooled, pool_runs, shown, write_pooled
from packsight.reporting.pooling_table import pooled_table

FOLDS, PACKAGES = 3, 24
SERIALS = [f"{number:013d}" for number in range(PACKAGES)]


def write_fold(
    experiment: Path,
    backbone: str,
    perspective: str,
    fold: int,
    *,
    spread: float = 1.0,
    hidden: Sequence[str] = (),
    crop: str | None = None,
    precision: str = "fp32",
    manifest: str | None = None,
) -> Path:
    """A run's folder for one fold: the wider its `spread`, the more packages it gets wrong."""
    folder = experiment / f"sample/{backbone}/{perspective}/{precision}/fold{fold}_seed0"
    folder.mkdir(parents=True)
    config = {
        "monitor": "val/loss",
        "manifest": manifest,
        "monitor_mode": "min",
        "seed": 0,
        "data": {"name": "sample", "fold": fold},
        "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "bundled"},
        "precision": {"name": precision},
        "crop": {"name": crop or "none"},
    }
    (folder / "config.yaml").write_text(complete_yaml(config))
    (folder / "status.json").write_text(json.dumps({"state": "done", "seconds": 10}))
    (folder / "metrics.json").write_text(json.dumps({"val": {"all": {}}, "test": {"all": {}}}))
    index = np.arange(PACKAGES)
    damaged = index % 2 == 1
    noise = np.random.default_rng(len(backbone + perspective) + fold).normal(size=PACKAGES)
    probability = 1 / (1 + np.exp(-(4.0 * damaged - 2 + spread * noise)))
    images = pd.DataFrame(
        {
            "serial": SERIALS,
            "label": np.where(damaged, "damaged", "intact"),
            "probability": probability,
            "split": np.where(index // 2 % FOLDS == fold, "test", "val"),
        }
    )
    cameras = ["top", "side"] if perspective == "both" else [perspective]
    table = pd.concat([images.assign(perspective=camera) for camera in cameras])
    table[~table["serial"].isin(hidden)].to_csv(folder / "predictions.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both cameras with a noisy and a good model, one on both, a pair, and one without a fold.

    The good model sees the side; one package has no side image.
    """
    folder = tmp_path_factory.mktemp("outputs") / "cv"
    for fold in range(FOLDS):
        write_fold(folder, "noisy", "top", fold, spread=3)
        for backbone, spread in (("noisy", 3), ("good", 1)):
            write_fold(folder, backbone, "side", fold, spread=spread, hidden=SERIALS[:1])
        write_fold(folder, "shared", "both", fold)
        write_fold(folder, "twin", "pair", fold)
        if fold:
            write_fold(folder, "short", "side", fold, spread=0.1)
    return folder


@pytest.fixture(scope="module")
def pooled(experiment: Path) -> Pooled:
    return write_pooled(experiment, collect(experiment))


def row(pooled: Pooled, **wanted: str) -> pd.Series:
    rows = pooled.rows
    for key, value in wanted.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_configuration_is_one_row_over_all_packages(pooled: Pooled) -> None:
    found = row(pooled, backbone="noisy", perspective="top")
    assert (found["folds"], found["packages"], found["images"]) == (3, PACKAGES, PACKAGES)
    assert found["seconds"] == 30
    assert found["accuracy_low"] < found["accuracy"] < found["accuracy_high"]
    assert found["accuracy_mean"] == pytest.approx(found["accuracy"])
    both = row(pooled, perspective="both")
    assert (both["packages"], both["images"]) == (PACKAGES, 2 * PACKAGES)
    assert row(pooled, perspective="pair")["images"] == PACKAGES


def test_a_configuration_without_all_folds_is_not_compared(pooled: Pooled) -> None:
    short = row(pooled, backbone="short")
    assert short["lacks"] == "0"
    assert pd.isna(short["rank"])  # though its validation loss is the lowest
    assert row(pooled, backbone="good", fusion="")["rank"] == 1
    assert any(
        sentence.startswith("Folds are missing") and "short side (fold 0)" in sentence
        for sentence in findings(pooled)
    )


def test_where_nobody_has_all_folds_the_fullest_sets_are_compared(tmp_path: Path) -> None:
    for backbone, folds in (("a", (0, 1)), ("b", (0, 1)), ("c", (2,))):
        for fold in folds:
            write_fold(tmp_path, backbone, "top", fold)
    rows = pool_runs(tmp_path, collect(tmp_path)).rows.set_index("backbone")
    assert rows["lacks"].to_dict() == {"a": "2", "b": "2", "c": "0 1"}
    assert sorted(rows.loc[["a", "b"], "rank"]) == [1, 2]
    assert pd.isna(rows.loc["c", "rank"])


def test_cameras_of_the_same_settings_are_fused_and_the_best_of_each(pooled: Pooled) -> None:
    fused = pooled.rows[pooled.rows["perspective"] == "top + side"]
    assert set(zip(fused["backbone"], fused["fusion"], strict=True)) == {
        (backbone, kind)
        for backbone in ("noisy", "noisy + good")
        for kind in ("mean", "max", "logistic")
    }
    assert sorted(fused["rank"]) == [1, 2, 3, 4, 5, 6]
    chosen = shown(pooled.rows)
    assert len(chosen[chosen["perspective"] == "top + side"]) == 2  # one way for each pair
    assert set(fused["packages"]) == {PACKAGES}
    assert set(fused["one_camera"]) == {1}
    assert set(fused["seconds"]) == {60}


def test_verdicts_are_those_that_validation_chose(experiment: Path, pooled: Pooled) -> None:
    best = row(Pooled(pooled.rows[pooled.rows["perspective"] == "top + side"], pooled.verdicts),
               rank=1)  # fmt: skip
    table = pd.read_csv(experiment / "verdicts.csv", dtype={"serial": str})
    assert list(table.columns)[:9] == [
        "serial", "label", "probability_top", "probability_side", "probability", "predicted",
        "cameras", "sure", "fold",
    ]  # fmt: skip
    assert sorted(table["serial"]) == SERIALS
    assert set(table["fusion"]) == {best["fusion"]}
    assert (table["predicted"] == table["label"]).mean() == pytest.approx(best["accuracy"])
    alone = table[table["cameras"] != "top+side"]
    assert alone["serial"].tolist() == SERIALS[:1]
    assert alone["cameras"].tolist() == ["top"]
    assert alone["probability"].tolist() == alone["probability_top"].tolist()


def test_cameras_for_which_auto_chose_different_precisions_are_fused(tmp_path: Path) -> None:
    write_fold(tmp_path, "a", "top", 0, precision="bf16")
    write_fold(tmp_path, "a", "side", 0)
    for precision in ("fp32", "bf16"):
        write_fold(tmp_path, "b", "top", 0, spread=3, precision=precision)
    write_fold(tmp_path, "b", "side", 0, spread=3)
    rows = pool_runs(tmp_path, collect(tmp_path)).rows
    fused = rows[rows["fusion"] == "mean"]
    assert sorted(zip(fused["backbone"], fused["precision"], strict=True)) == [
        ("a", "bf16 + fp32"),
        ("b", "fp32"),
    ]


def test_one_fold_that_is_missing_on_one_camera_is_missing_in_the_fusion(tmp_path: Path) -> None:
    for camera, folds in (("top", (0, 1, 2)), ("side", (0, 1))):
        for fold in folds:
            write_fold(tmp_path, "a", camera, fold)
    rows = pool_runs(tmp_path, collect(tmp_path)).rows
    fused = rows[rows["fusion"] == "mean"].iloc[0]
    assert (fused["lacks"], fused["folds"], fused["one_camera"]) == ("2", 2, 0)


def test_findings_tell_whether_fusing_helps_and_how_sure_that_is(pooled: Pooled) -> None:
    said = findings(pooled)
    assert any(line.startswith("For both cameras in one model, twin is best") for line in said)
    assert any("1 of them were seen by one camera alone" in line for line in said)
    [fusing] = [line for line in said if line.startswith("Fusing the two cameras by ")]
    assert "with the side camera alone, which validation prefers" in fusing
    assert "(McNemar, p = " in fusing


@pytest.mark.parametrize("width", [80, 100, 120])
def test_table_keeps_names_and_numbers_whole(
    pooled: Pooled, experiment: Path, printed, width: int
) -> None:
    names = {"noisy": "tf_efficientnet_lite0", "good": "mobilenetv3_small_100",
             "noisy + good": "tf_efficientnet_lite0 + mobilenetv3_small_100"}  # fmt: skip
    lines = printed(pooled_table(pooled.rows.replace({"backbone": names})), width)
    lines += printed(leaderboard_table(collect(experiment)), width)  # a pair is one camera more
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    words = [word for line in lines for word in line.split()]
    noisy = row(pooled, backbone="noisy", perspective="top")
    figures = [f"{noisy['accuracy_low']:.2f}–{noisy['accuracy_high']:.2f}",
               f"{noisy['auroc_low']:.2f}–{noisy['auroc_high']:.2f}",
               f"{noisy['recall_damaged']:.2f}/{noisy['recall_intact']:.2f}"]  # fmt: skip
    for word in ("tf_efficientnet_lite0", "mobilenetv3_small_100", *figures):
        assert word in words
    beside = [line.split() for line in lines if line.startswith("tf_efficientnet_lite0 ")]
    assert any(f"{noisy['accuracy']:.2f}" in cells for cells in beside)


def test_crop_is_shown_where_it_differs(tmp_path: Path) -> None:
    write_fold(tmp_path, "a", "top", 0, crop="auto")
    write_fold(tmp_path, "b", "top", 0)
    frame = collect(tmp_path)
    assert frame.set_index("backbone")["crop"].to_dict() == {"a": "auto", "b": "none"}
    rows = pool_runs(tmp_path, frame).rows
    assert rows.set_index("backbone")["crop"].to_dict() == {"a": "auto", "b": "none"}


def test_nothing_done_yet_pools_to_nothing(tmp_path: Path) -> None:
    folder = write_fold(tmp_path, "a", "top", 0)
    (folder / "status.json").write_text(json.dumps({"state": "running"}))
    pooled = write_pooled(tmp_path, collect(tmp_path))
    assert len(pooled.rows) == len(pooled.verdicts) == len(findings(pooled)) == 0
    assert not pooled.tells_more


def test_the_page_shows_the_pooled_table_first(tmp_path: Path) -> None:
    for camera in ("top", "side"):
        write_fold(tmp_path, "a", camera, 0)
    write_fold(tmp_path, "a", "top", 1)
    frame = collect(tmp_path)
    source = write_report(tmp_path, frame, pool_runs(tmp_path, frame)).read_text(encoding="utf-8")
    headings = ["What the numbers say", "Folds pooled, cameras fused", "Leaderboard"]
    places = [source.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert "top + side" in source
    assert "1, lacks 1" in source


def test_folds_of_data_that_were_prepared_anew_are_not_pooled(tmp_path: Path) -> None:
    """Folds 0 and 1, then packages added and prepared again, then fold 2."""
    for camera in ("top", "side"):
        for fold, version in enumerate(("aaaaaaaa", "aaaaaaaa", "bbbbbbbb")):
            write_fold(tmp_path / "cv", "grown", camera, fold, manifest=version)
    frame = collect(tmp_path / "cv")
    assert set(frame["data"]) == {"sample@aaaaaa", "sample@bbbbbb"}
    pooled = pool_runs(tmp_path / "cv", frame)
    rows = pooled.rows
    old = rows[rows["data"] == "sample@aaaaaa"]
    assert set(old["folds"]) == {2}
    assert set(old["packages"]) == {16}
    assert set(rows["folds"][rows["data"] == "sample@bbbbbb"]) == {1}
    told = " ".join(findings(pooled))
    assert "The data sample were prepared anew between the runs" in told
    assert "sample@bbbbbb, folds, by val/loss: " in told


def test_packages_that_were_not_found_are_told(tmp_path: Path) -> None:
    folder = write_fold(tmp_path / "cv", "good", "side", 0)
    table = pd.read_csv(folder / "predictions.csv", dtype={"serial": str})
    lost = table.index[table["split"] == "test"][:3]
    table["crop"] = "auto"
    table.loc[lost, "crop"] = "frame"
    table.to_csv(folder / "predictions.csv", index=False)
    pooled = pool_runs(tmp_path / "cv", collect(tmp_path / "cv"))
    assert pooled.rows["not_located"].tolist() == [3]
    assert "3 were not found in their images" in " ".join(findings(pooled))
