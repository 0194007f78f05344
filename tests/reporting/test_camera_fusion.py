"""Runs on the two cameras find each other, and decide together."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complete_config import complete

from packsight.configuration.stored import config_from
from packsight.decision.late_fusion import Fusion
from packsight.errors import UserError
from packsight.reporting.camera_fusion import fit_on_validation, pair_runs, write_verdicts
from packsight.runs.saved import Run

SERIALS = [f"{number:013d}" for number in range(20)]


def run(
    root: Path,
    camera: str,
    backbone: str = "a",
    fold: int | None = None,
    precision: str = "fp32",
    manifest: str | None = None,
) -> Run:
    part = "split" if fold is None else f"fold{fold}"
    name = f"sample/{backbone}/{camera}/{precision}/{part}_seed0"
    config = complete(
        {
            "seed": 0,
            "manifest": manifest,
            "data": {"name": "sample", "fold": fold},
            "perspective": {"name": camera},
            "model": {"backbone": backbone, "weights": "bundled"},
            "precision": {"name": precision},
        }
    )
    return Run(root / name, root / name / "best.ckpt", config_from(config, name), name)


def names(pairs: list[tuple[Run, Run]]) -> list[tuple[str, str]]:
    return [(top.name, side.name) for top, side in pairs]


def test_runs_of_one_fold_and_one_setting_are_a_pair(tmp_path):
    runs = [run(tmp_path, camera, backbone, fold)
            for camera in ("side", "top") for backbone in "ab" for fold in (0, 1)]  # fmt: skip
    runs += [run(tmp_path, "both", "a", 0), run(tmp_path, "pair", "a", 0)]
    found = names(pair_runs(runs))
    assert len(found) == 4
    assert all(top == side.replace("/side/", "/top/") for top, side in found)


def test_the_only_two_runs_are_a_pair_whatever_their_settings(tmp_path):
    runs = [run(tmp_path, "top", "a"), run(tmp_path, "side", "b")]
    assert names(pair_runs(runs)) == [(runs[0].name, runs[1].name)]
    assert pair_runs([*runs, run(tmp_path, "side", "c")]) == []
    assert pair_runs([run(tmp_path, "top", fold=0), run(tmp_path, "side", fold=1)]) == []


def test_runs_of_different_data_are_no_pair(tmp_path):
    runs = [run(tmp_path, "top", manifest="a"), run(tmp_path, "side", manifest="b")]
    assert pair_runs(runs) == []
    assert len(pair_runs([*runs, run(tmp_path, "side", manifest="a")])) == 1


def test_runs_for_which_auto_chose_different_precisions_are_a_pair(tmp_path):
    runs = [run(tmp_path, "top", precision="bf16"), run(tmp_path, "side")]
    others = [run(tmp_path, camera, "b") for camera in ("top", "side")]
    found = names(pair_runs([*runs, *others]))
    assert sorted(found) == [tuple(one.name for one in pair) for pair in (runs, others)]
    equal = run(tmp_path, "top")
    found = names(pair_runs([*runs, *others, equal]))
    assert sorted(found) == [(top.name, side.name) for top, side in ((equal, runs[1]), others)]


def write_predictions(folder: Path, camera: str, split: str, seed: int) -> None:
    index = np.arange(len(SERIALS))
    damaged = index % 2 == 1
    noise = np.random.default_rng(seed).uniform(0, 0.6, len(index))
    table = pd.DataFrame(
        {
            "serial": SERIALS,
            "perspective": camera,
            "label": np.where(damaged, "damaged", "intact"),
            "probability": np.where(damaged, 1 - noise, noise),
            "split": split,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "predictions.csv", index=False)


@pytest.mark.parametrize("kind", Fusion)
def test_verdicts_stand_beside_the_two_evaluations(tmp_path, kind):
    runs = [run(tmp_path, "top"), run(tmp_path, "side")]
    folders = {each.name: each.folder / "evaluations" / "sample_test" for each in runs}
    for seed, (camera, each) in enumerate(zip(("top", "side"), runs, strict=True)):
        write_predictions(each.folder, camera, "val", seed)
        write_predictions(folders[each.name], camera, "test", seed + 2)
    write_verdicts(runs, folders, kind)
    folder = tmp_path / "sample/a/top+side/fp32/split_seed0/evaluations/sample_test"
    table = pd.read_csv(folder / "verdicts.csv", dtype={"serial": str})
    assert table["serial"].tolist() == SERIALS
    assert set(table["cameras"]) == {"top+side"}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["verdict"]["packages"] == 20
    assert metrics["verdict"]["accuracy"] == (table["predicted"] == table["label"]).mean()
    assert metrics["fusion"]["kind"] == kind
    assert (metrics["fusion"]["weights"] is None) == (kind != Fusion.LOGISTIC)


def test_logistic_is_fitted_on_validation_packages_alone(tmp_path):
    runs = [run(tmp_path, "top"), run(tmp_path, "side")]
    for camera, each in zip(("top", "side"), runs, strict=True):
        write_predictions(each.folder, camera, "test", 0)
    with pytest.raises(UserError, match="on 0 validation packages"):
        fit_on_validation(Fusion.LOGISTIC, *runs)


def test_a_run_without_predictions_can_still_take_the_mean(tmp_path):
    runs = [run(tmp_path, "top"), run(tmp_path, "side")]
    assert fit_on_validation(Fusion.MEAN, *runs).kind == Fusion.MEAN
    with pytest.raises(UserError, match=r"has no predictions\.csv.*fusion=mean"):
        fit_on_validation(Fusion.LOGISTIC, *runs)
