"""Runs on disk become ranked rows: by validation, never by test, whatever state they are in."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from complete_config import complete, complete_yaml

from packsight.configuration.stored import config_from
from packsight.errors import UserError
from packsight.evaluation.metrics import wilson_interval
from packsight.reporting.leaderboard import (
    collect,
    settings,
    varying,
    write_leaderboard,
)
from packsight.reporting.leaderboard_table import leaderboard_table


def numbers(right: int, images: int, **other: float) -> dict[str, Any]:
    low, high = wilson_interval(right, images)
    return {
        "images": images,
        "packages": images,
        "accuracy": right / images,
        "accuracy_low": low,
        "accuracy_high": high,
        "recall_damaged": 0.5,
        "recall_intact": 0.25,
        "auroc": 0.75,
        "average_precision": 0.8,
    } | other


def write_run(
    experiment: Path,
    backbone: str,
    perspective: str = "side",
    *,
    right: int = 15,
    val: float = 0.5,
    monitor: str = "val/loss",
    state: str = "done",
    error: str | None = None,
    fold: int | None = None,
    parts: dict[str, dict[str, Any]] | None = None,
    last: str = "split_seed0",
) -> Path:
    """A run's folder as training leaves it, with `right` of 20 test images right."""
    folder = experiment / "sample" / backbone / perspective / "fp32" / last
    folder.mkdir(parents=True)
    mode = "min" if monitor == "val/loss" else "max"
    config = {
        "monitor": monitor,
        "monitor_mode": mode,
        "seed": 0,
        "data": {"name": "sample", "fold": fold},
        "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "bundled"},
        "precision": {"name": "fp32"},
    }
    (folder / "config.yaml").write_text(complete_yaml(config))
    status = {"state": state, "seconds": 12.5, "error": error}
    (folder / "status.json").write_text(json.dumps(status))
    metrics = {
        "val": {"all": {monitor.removeprefix("val/"): val}},
        "test": {"all": numbers(right, 20)} | (parts or {}),
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    history = pd.DataFrame({"epoch": [0, 1, 2], monitor: [0.6, 0.4, 0.5]})
    history.to_csv(folder / "history.csv", index=False)
    return folder


def test_rank_follows_validation_and_not_test(tmp_path: Path) -> None:
    write_run(tmp_path, "lucky", right=20, val=0.9)
    write_run(tmp_path, "chosen", right=15, val=0.1)
    write_run(tmp_path, "middle", right=18, val=0.5)
    write_run(tmp_path, "other", "top", right=10, val=0.7)
    frame = collect(tmp_path)
    side = frame[frame["perspective"] == "side"]
    assert side["backbone"].tolist() == ["chosen", "middle", "lucky"]
    assert side["rank"].tolist() == [1, 2, 3]
    assert frame.loc[frame["perspective"] == "top", "rank"].tolist() == [1]


def test_a_monitor_to_maximise_ranks_the_highest_first(tmp_path: Path) -> None:
    write_run(tmp_path, "low", val=0.6, monitor="val/auroc")
    write_run(tmp_path, "high", val=0.9, monitor="val/auroc")
    frame = collect(tmp_path)
    assert frame["backbone"].tolist() == ["high", "low"]
    assert frame["monitor_value"].tolist() == [0.9, 0.6]
    assert frame["best_epoch"].tolist() == [0, 0]  # 0.6 is the highest of 0.6, 0.4, 0.5


def test_a_row_holds_what_the_run_left(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "resnet18", right=19, last="split_seed0_a1b2c3")
    row = collect(tmp_path).iloc[0]
    assert row["variant"] == "a1b2c3"
    assert row["weights"] == "bundled"
    assert (row["test_accuracy"], row["test_images"]) == (0.95, 20)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == wilson_interval(19, 20)
    assert row["best_epoch"] == 1
    assert row["seconds"] == 12.5
    assert pd.isna(row["fold"])
    assert tmp_path / row["folder"] == folder


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("bundled", "bundled"),
        ("weights/resnet18.safetensors", "resnet18.safetensors"),
        ("outputs/runs/sample/resnet18", "outputs/runs/sample/resnet18"),
        ("runs/resnet18/best.ckpt", "runs/resnet18/best.ckpt"),
    ],
)
def test_of_a_weights_file_its_name_is_shown(tmp_path: Path, given: str, shown: str) -> None:
    config = config_from(complete({"model": {"weights": given}}), "run")
    assert settings(config, tmp_path)["weights"] == shown


def test_a_variant_is_shown_only_where_nothing_else_tells_runs_apart() -> None:
    frame = pd.DataFrame({"perspective": "side", "backbone": "resnet18", "crop": ["auto", "none"],
                          "seed": 0, "variant": ["a1", "b2"]})  # fmt: skip
    assert varying(frame) == ["crop"]
    assert varying(frame.assign(crop="auto")) == ["variant"]


def test_both_cameras_have_their_own_accuracies(tmp_path: Path) -> None:
    parts = {"top": numbers(6, 10), "side": numbers(9, 10)}
    write_run(tmp_path, "resnet18", "both", parts=parts)
    write_run(tmp_path, "resnet18", "side")
    frame = collect(tmp_path).set_index("perspective")
    assert frame.loc["both", ["test_accuracy_top", "test_accuracy_side"]].tolist() == [0.6, 0.9]
    assert frame.loc["side", ["test_accuracy_top", "test_accuracy_side"]].isna().all()


def test_half_a_sweep(tmp_path: Path) -> None:
    write_run(tmp_path, "done", val=0.9)
    write_run(tmp_path, "failed", val=0.1, state="failed", error="OSError: no space\nmore")
    running = write_run(tmp_path, "running", state="running")
    for name in ("metrics.json", "history.csv"):
        (running / name).unlink()
    for name in ("config.yaml", "status.json"):
        (write_run(tmp_path, f"without_{name}") / name).write_text("")
    frame = write_leaderboard(tmp_path).set_index("state")
    assert frame.loc["done", "rank"] == 1
    assert frame.loc["failed", "error"] == "OSError: no space"
    # What stands there is of an earlier run.
    assert frame.loc[["failed", "running"], ["rank", "test_accuracy"]].isna().all(axis=None)
    assert len(pd.read_csv(tmp_path / "leaderboard.csv")) == 5


def test_a_run_that_cannot_be_read_is_named_and_the_others_stay(tmp_path: Path) -> None:
    write_run(tmp_path, "whole", val=0.9)
    for name in ("config.yaml", "status.json"):
        (write_run(tmp_path, f"lost_{name}") / name).write_text("")
    frame = collect(tmp_path)
    lost = frame[frame["state"] == "unreadable"]
    assert len(lost) == 2
    assert lost[["rank", "test_accuracy"]].isna().all(axis=None)
    for name in ("config.yaml", "status.json"):
        [error] = lost[lost["folder"].str.contains(name)]["error"]
        assert name in error
    assert frame["rank"].dropna().tolist() == [1]


def test_where_no_run_can_be_read_a_sentence_says_why(tmp_path: Path) -> None:
    for name in ("one", "other"):
        damaged = write_run(tmp_path, name) / "status.json"
        damaged.write_text("{")
    with pytest.raises(UserError, match=r"no run in .* can be read; of the first: .*status\.json"):
        collect(tmp_path)


def test_no_run_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run in .*empty: train one with .*name=empty"):
        collect(tmp_path / "empty")


def test_folds_are_ranked_apart(tmp_path: Path) -> None:
    for fold, (right, val) in enumerate([(20, 0.2), (16, 0.4)]):
        write_run(tmp_path, "steady", right=right, val=val, fold=fold, last=f"fold{fold}_seed0")
    write_run(tmp_path, "partial", right=20, val=0.1, fold=0, last="fold0_seed0")
    frame = collect(tmp_path)
    assert frame["fold"].tolist() == [0, 0, 1]
    assert frame["rank"].tolist() == [1, 2, 1]


def test_table_fits_80_columns_and_takes_names_as_text(tmp_path: Path, printed) -> None:
    write_run(tmp_path, "tf_efficientnet_lite0", right=19, val=0.2)
    write_run(tmp_path, "[red]odd", val=0.9, state="failed")
    write_run(tmp_path, "resnet18", "both", parts={"top": numbers(6, 10), "side": numbers(9, 10)})
    lines = printed(leaderboard_table(collect(tmp_path)))
    first = next(line for line in lines if "tf_efficientnet_lite0" in line)
    assert first.split() == ["tf_efficientnet_lite0", "1", "0.200", "0.95", "0.76–0.99", "0.50",
                             "0.25", "0.750"]  # fmt: skip
    assert any("[red]odd" in line and "failed" in line for line in lines)
    assert any(line.split() == ["its", "top", "images", "0.60"] for line in lines)
    headings = [line.strip() for line in lines]
    assert headings.index("both cameras") < headings.index("side camera")


def test_the_caption_names_only_what_all_runs_share(tmp_path: Path, printed) -> None:
    write_run(tmp_path, "resnet18", last="split_seed0_a1b2c3")
    write_run(tmp_path, "mobilenetv2_100", last="split_seed0_d4e5f6")
    said = " ".join(printed(leaderboard_table(collect(tmp_path)), 200))
    assert "seed 0" in said
    assert "a1b2c3" not in said


@pytest.mark.parametrize("width", [80, 100, 120])
def test_names_and_numbers_are_whole_whatever_tells_runs_apart(
    tmp_path: Path, printed, width: int
) -> None:
    names = ("tf_efficientnet_lite0", "mobilenetv3_small_100", "vit_tiny_patch16_224",
             "vit_base_patch16_clip_224.laion2b_ft_in12k_in1k")  # fmt: skip
    for place, name in enumerate(names):
        for fold in (0, 1):
            write_run(tmp_path, name, right=12 + place, val=0.125, fold=fold, last=f"fold{fold}")
    frame = collect(tmp_path).assign(
        precision=["fp32", "bf16_true"] * 4, weights=["bundled", "none"] * 4, seed=range(8),
        crop=["auto", "none"] * 4, recipe=["few_images", "full_frame"] * 4,
    )  # fmt: skip
    lines = printed(leaderboard_table(frame), width)
    assert max(map(len, lines)) <= width
    words = [word.strip(",") for line in lines for word in line.split()]
    told = ("bf16_true", "weights=bundled", "crop=none", "full_frame", "fold=1", "seed=7")
    figures = ("0.125", "0.60", "0.39–0.78", "0.75", "0.53–0.89", "0.50", "0.25", "0.750")
    for word in (*names, *told, *figures):
        assert word in words
