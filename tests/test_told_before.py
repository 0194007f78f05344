"""What a training could not end with is told before it begins."""

import json
import shutil
from pathlib import Path

import pytest
from trained import SMALL

QUICK = [*SMALL, "crop=none", "trainer=cpu", "data.source=photos",
         "callbacks.progress=null"]  # fmt: skip
SPLIT = ["data.source=photos", "data.folds=2"]


@pytest.fixture(scope="module")
def photos(sample, tmp_path_factory) -> Path:
    """A folder with raw images whose test part has three packages of each label from above alone,
    and one damaged one from the side in `partly`."""
    folder = tmp_path_factory.mktemp("plant")
    images = sorted((sample.parent / "raw").glob("*/*/*_*.*g"))
    held_out = {
        label: sorted({image.stem[:13] for image in images if image.parts[-3] == label})[:3]
        for label in ("damaged", "intact")
    }
    for image in images:
        label, camera = image.parts[-3:-1]
        tested = image.stem[:13] in held_out[label]
        for root in ("photos", "partly"):
            if tested and camera == "side" and not (root == "partly" and label == "damaged"):
                continue
            part = "test" if tested else "training"
            target = folder / root / part / label / camera / image.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, target)
    return folder


def test_a_test_part_that_one_camera_lacks_is_used_for_the_other_and_named(photos, script, capsys):
    assert script("prepare", *SPLIT, cwd=photos) == 0
    named = "no side image in the test split: it is for top alone; side has data.fold=0"
    assert named in capsys.readouterr().out
    assert script("train", *QUICK, "perspective=top", cwd=photos) == 0
    capsys.readouterr()
    for perspective in ("side", "both", "pair"):
        assert script("train", *QUICK, f"perspective={perspective}", cwd=photos) == 2
        told = capsys.readouterr()
        assert "no side image in the test split" in told.err
        assert "use data.fold=0 or perspective=top" in told.err
        assert "decode" not in told.out
    assert len([*photos.glob("outputs/exp/**/status.json")]) == 1
    sweep = ["-m", *QUICK, "perspective=side", "data.fold=null,0"]
    assert script("train", *sweep, cwd=photos) == 1
    jobs = json.loads((photos / "outputs/exp/jobs.json").read_text())
    assert [job["ending"] for job in jobs] == ["failed", "done"]


def test_a_split_of_one_label_is_told_and_measured(photos, script, capsys):
    options = [*QUICK, "data.source=partly", "perspective=side"]
    assert script("train", *options, cwd=photos) == 0
    told = "no intact side image in the test split: what needs both labels stays empty there"
    assert told in capsys.readouterr().out
    [metrics] = photos.glob("outputs/exp/partly/**/metrics.json")
    test = json.loads(metrics.read_text())["test"]["all"]
    assert test["images"] == 3
    assert test["auroc"] is None
