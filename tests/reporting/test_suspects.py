"""Packages to look at: which are listed, in what order, why, and with which pictures."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml
from reported import report, write_experiment

from packsight.preparation.manifest import COLUMNS as MANIFEST
from packsight.reporting.leaderboard import collect
from packsight.reporting.pooling import pool_runs
from packsight.reporting.suspect_sheet import SIZE, write_suspects
from packsight.reporting.suspects import out_of_fold, read_suspects, suspects

SERIALS = [f"{number:013d}" for number in range(12)]  # the odd ones are damaged
CLEAR = {"damaged": 0.95, "intact": 0.05}


def _label(serial: str) -> str:
    return "damaged" if int(serial) % 2 else "intact"


def _images(camera: str, **said: float) -> pd.DataFrame:
    """What a camera's model says; of packages by number, such as s3=0.02; else what is right."""
    labels = [_label(serial) for serial in SERIALS]
    own = {SERIALS[int(name[1:])]: value for name, value in said.items()}
    probability = [own.get(s, CLEAR[label]) for s, label in zip(SERIALS, labels, strict=True)]
    return pd.DataFrame(
        {"data": "sample", "serial": SERIALS, "perspective": camera, "label": labels,
         "probability": probability, "run": camera}
    )  # fmt: skip


def test_models_that_are_right_leave_nobody_to_look_at():
    assert suspects(pd.concat([_images("top"), _images("side")])).empty


def test_a_wrong_label_comes_first_and_both_its_images_together():
    top = _images("top", s3=0.04, s5=0.01, s6=0.55)
    found = suspects(pd.concat([top, _images("side", s3=0.02)]))
    assert [int(serial) for serial in found["serial"]] == [3, 3, 5, 6]
    assert found["camera"].tolist() == ["side", "top", "top", "top"]
    assert found["rank"].tolist() == [1, 2, 3, 4]
    assert found["reason"].tolist() == [
        "label contradicted",
        "label contradicted",
        "label contradicted; cameras disagree (side 0.95)",
        "cameras disagree (side 0.05)",
    ]


def test_an_error_that_is_not_sure_is_only_wrong():
    [row] = suspects(_images("side", s3=0.45)).to_dict("records")
    assert row["reason"] == "wrong"
    assert row["label"] == "damaged"
    assert row["probability"] == 0.45


def _run(experiment: Path, camera: str, fold: int, said: dict[str, float]) -> Path:
    folder = experiment / f"sample/resnet18/{camera}/fp32/fold{fold}_seed0"
    folder.mkdir(parents=True)
    config = {
        "monitor": "val/loss", "monitor_mode": "min", "seed": 0, "manifest": None,
        "data": {"name": "sample", "fold": fold}, "perspective": {"name": camera},
        "model": {"backbone": "resnet18", "weights": "none"}, "precision": {"name": "fp32"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(complete_yaml(config))
    (folder / "status.json").write_text(json.dumps({"state": "done", "seconds": 10}))
    (folder / "metrics.json").write_text(json.dumps({"val": {"all": {}}, "test": {"all": {}}}))
    images = _images(camera, **said).drop(columns=["data", "run"])
    images["split"] = np.where(np.arange(12) // 6 == fold, "test", "val")
    # What a fold's model says of packages that it was not tested on tells nothing.
    images.loc[images["split"] == "val", "probability"] = 0.5
    images.to_csv(folder / "predictions.csv", index=False)
    return folder


@pytest.fixture
def experiment(tmp_path) -> Path:
    for fold in (0, 1):
        _run(tmp_path / "exp", "top", fold, {"s3": 0.02})
        _run(tmp_path / "exp", "side", fold, {"s3": 0.04, "s8": 0.9})
    return tmp_path / "exp"


def _prepared(folder: Path) -> Path:
    """Prepared data with a white package on black in each frame."""
    rows = []
    for camera in ("top", "side"):
        for serial in SERIALS:
            path = f"images/{serial}_{camera}.png"
            frame = np.zeros((90, 160, 3), np.uint8)
            frame[30:60, 60:100] = 255
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path), frame)
            rows.append(
                dict.fromkeys(MANIFEST, "")
                | {"serial": serial, "perspective": camera, "label": _label(serial), "path": path,
                   "width": 160, "height": 90, "split": "train", "fold": int(serial) // 6,
                   "crop": "60 30 100 60", "crop_source": "auto"}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    table["sha256"] = [
        hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in table["path"]
    ]
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def _write(experiment: Path, data: Path | None = None):
    frame = collect(experiment)
    return write_suspects(experiment, frame, pool_runs(experiment, frame).rows, data)


def test_each_image_is_judged_by_the_fold_that_was_tested_on_it(experiment):
    frame = collect(experiment)
    images = out_of_fold(experiment, frame, pool_runs(experiment, frame).rows)
    assert len(images) == 24
    assert (images["probability"] != 0.5).all()
    folds = images.set_index("serial")["run"].str.extract(r"fold(\d)")[0]
    assert (folds[SERIALS[0]] == "0").all()
    assert (folds[SERIALS[11]] == "1").all()


def test_without_the_data_there_is_the_list_alone_and_a_line(experiment, capsys):
    found = _write(experiment)
    assert found.picture is None
    assert "no pictures of sample" in " ".join(capsys.readouterr().out.split())
    table = pd.read_csv(experiment / "suspects.csv", dtype={"serial": str})
    assert table["serial"].tolist() == [SERIALS[3], SERIALS[3], SERIALS[8]]
    assert read_suspects(experiment).rows["reason"].tolist() == table["reason"].tolist()


@pytest.mark.parametrize("given", [True, False])
def test_where_the_data_are_found_the_packages_are_shown_cropped(experiment, given):
    folder = _prepared(experiment.parent / ("elsewhere" if given else "data/sample"))
    found = _write(experiment, folder if given else None)
    page = cv2.imread(str(found.picture))
    height, width = SIZE
    # Two packages; on each tile two cameras' crops, mostly white where the frame is mostly black.
    assert page.shape[1] >= 2 * 2 * width
    assert page[4 : 4 + height, 4 : 4 + 2 * width].mean() > 150


def test_maps_stand_beside_what_was_explained(experiment):
    _prepared(experiment.parent / "data/sample")
    plain = cv2.imread(str(_write(experiment).picture))
    run = experiment / "sample/resnet18/side/fp32/fold0_seed0"
    overlay = run / f"explanations/overlays/{SERIALS[3]}_side.jpg"
    overlay.parent.mkdir(parents=True)
    cv2.imwrite(str(overlay), np.full((90, 160, 3), (0, 60, 222), np.uint8))
    page = cv2.imread(str(_write(experiment).picture))
    red = (page[..., 2] > 180) & (page[..., 1] < 90)
    assert red.sum() > 0.8 * SIZE[0] * SIZE[1]
    assert page.shape != plain.shape


def test_other_data_than_the_runs_were_tested_on_give_no_pictures(experiment, capsys):
    _prepared(experiment.parent / "data/sample")
    for file in experiment.rglob("config.yaml"):
        file.write_text(file.read_text().replace("manifest: null", f"manifest: {'0' * 64}"))
    assert _write(experiment).picture is None
    assert "holds other data" in " ".join(capsys.readouterr().out.split())


def test_the_page_lists_the_first_of_them(tmp_path):
    experiment = write_experiment(tmp_path / "exp")
    page = report(experiment).read_text(encoding="utf-8")
    rows = read_suspects(experiment).rows
    section = page[page.index("Packages to look at") :].partition("</section>")[0]
    first = rows.iloc[0]
    assert f"<td>1</td><td>{first['serial']}</td>" in section
    assert section.count("<tr>") == 1 + min(20, len(rows))
    assert first["reason"] in section
