"""A package gets one score wherever it is asked for, and no model is judged on what it knows."""

import shutil
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest
from trained import SMALL

from packsight.models.weights import read_checkpoint
from packsight.sample.render import render_sample

QUICK = [*SMALL, "trainer=cpu", "data.name=photos", "data.source=photos"]
FEW = [("auto", "side"), ("auto", "pair"), ("boxes", "side")]
EVERY = [*product(("auto", "boxes", "none"), ("side", "top", "both", "pair"))]
SOURCES = ("others", "zipped.zip", "outputs/data/others/images")


def box_packages(folder: Path) -> None:
    """Give each image a box of the package, as crop=boxes needs it: the right half of the frame."""
    for file in folder.rglob("*.xml"):
        tree = ElementTree.parse(file)
        for node in tree.getroot().findall("object"):
            tree.getroot().remove(node)
        added = ElementTree.SubElement(tree.getroot(), "object")
        ElementTree.SubElement(added, "name").text = "package"
        box = ElementTree.SubElement(added, "bndbox")
        for name, value in (("xmin", 480), ("ymin", 100), ("xmax", 900), ("ymax", 500)):
            ElementTree.SubElement(box, name).text = str(value)
        tree.write(file)


@pytest.fixture(scope="module", params=[FEW], ids=["few"])
def plant(request, tmp_path_factory, sample, script) -> Path:
    """A run of each crop on its perspective; prepared images of packages in another light."""
    folder = tmp_path_factory.mktemp("plant")
    shutil.copytree(sample.parent / "raw", folder / "photos")
    render_sample(folder / "others", packages=10, seed=8, workers=1)
    for image in (folder / "others").glob("*/*/*.jpg"):
        cv2.imwrite(str(image), cv2.convertScaleAbs(cv2.imread(str(image)), alpha=1.3, beta=20))
    for name in ("photos", "others"):
        box_packages(folder / name)
    for crop, view in request.param:
        run = [f"perspective={view}", f"crop={crop}"]
        assert script("train", *run, *QUICK, cwd=folder) == 0
    shutil.make_archive(str(folder / "zipped"), "zip", folder / "others")
    prepare = ["data.source=others", "data.name=others", "data.folds=2"]
    assert script("prepare", *prepare, cwd=folder) == 0
    given = ["run=outputs/exp", "data=outputs/data/others", "split=train", "output=evaluated"]
    assert script("evaluate", *given, cwd=folder) == 0
    return folder


def run_of(plant: Path, crop: str, perspective: str) -> Path:
    """The folder of a run, told by its configuration."""
    for file in plant.glob(f"outputs/exp/photos/test_resnet/{perspective}/fp32/*/config.yaml"):
        if f"\ncrop:\n  name: {crop}\n" in file.read_text():
            return file.parent
    raise AssertionError(f"no run with crop={crop} on {perspective}")


def scores(file: Path, *keys: str) -> pd.Series:
    return pd.read_csv(file, dtype={"serial": str}).set_index(list(keys))["probability"]


def assert_alike(plant, script, output, run, source) -> None:
    """On another belt, where boxes, windows and belt of the prepared data would mislead."""
    member = run.relative_to(plant / "outputs" / "exp")
    evaluated = plant / "evaluated" / member / "others_train" / "predictions.csv"
    given = [f"run={run}", f"source={source}", f"output={output}", "overwrite=true"]
    assert script("predict", *given, cwd=plant) == 0
    paired = "pair" in member.parts
    keys = ["serial"] if paired else ["serial", "perspective"]
    told = scores(evaluated, *keys)
    predicted = scores(output / ("verdicts.csv" if paired else "predictions.csv"), *keys)
    assert len(told) >= 4
    np.testing.assert_allclose(predicted[told.index], told, atol=1e-6)


@pytest.mark.parametrize(
    ("crop", "perspective", "source"),
    [("auto", "side", "others"), ("auto", "pair", "zipped.zip"), ("boxes", "side", SOURCES[2])],
)
def test_predict_and_evaluate_see_the_same(plant, script, tmp_path, crop, perspective, source):
    assert_alike(plant, script, tmp_path, run_of(plant, crop, perspective), source)


@pytest.mark.sweeps
@pytest.mark.parametrize("plant", [EVERY], ids=["every"], indirect=True)
def test_they_do_for_every_crop_perspective_and_source(plant, script, tmp_path):
    runs = [file.parent for file in plant.glob("outputs/exp/**/config.yaml")]
    assert len(runs) == len(EVERY)
    for run in runs:
        for source in SOURCES:
            assert_alike(plant, script, tmp_path, run, source)


def test_boxes_that_were_drawn_decide_no_score(plant):
    """predict has no boxes: the figures of the training would promise what it cannot hold."""
    run = run_of(plant, "boxes", "side")
    whole = pd.read_csv(run / "predictions.csv")
    assert set(whole["crop"]) <= {"auto", "frame"}


def test_a_run_names_the_images_that_it_learned_from(plant):
    run = run_of(plant, "auto", "side")
    named = pd.read_csv(run / "packages.csv", dtype=str)
    manifest = pd.read_csv(plant / "outputs/data/photos/manifest.csv", dtype=str)
    side = manifest[manifest["perspective"] == "side"]
    assert dict(zip(named["sha256"], named["split"], strict=True)) == dict(
        zip(side["sha256"], side["split"], strict=True)
    )
    packages = read_checkpoint(run / "checkpoints/best.ckpt")["packages"]
    assert pd.DataFrame(packages).equals(named)


@pytest.fixture
def divided_anew(plant, script) -> Path:
    """The same images under new serials, with other packages held out."""
    renamed = plant / "renamed"
    if not renamed.exists():
        for image in (plant / "photos").glob("*/*/*.jpg"):
            place = renamed / image.relative_to(plant / "photos")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, place.with_name(f"9{image.name[1:]}"))
        given = ["data.source=renamed", "data.name=renamed", "data.split_seed=5", "data.folds=2"]
        assert script("prepare", *given, cwd=plant) == 0
    return plant / "outputs" / "data" / "renamed"


def test_packages_that_a_run_learned_from_are_left_out_by_their_content(
    plant, divided_anew, script, capsys
):
    run = run_of(plant, "auto", "side")
    known = pd.read_csv(run / "packages.csv", dtype=str).set_index("sha256")["split"]
    manifest = pd.read_csv(divided_anew / "manifest.csv", dtype=str)
    test = manifest[(manifest["perspective"] == "side") & (manifest["split"] == "test")]
    unseen = test["serial"][test["sha256"].map(known).eq("test")]
    given = [f"run={run}", f"data={divided_anew}", "output=anew"]
    code = script("evaluate", *given, cwd=plant)
    out = " ".join(capsys.readouterr())
    if unseen.empty:
        assert code == 2
        assert f"has learned from all {len(test)} packages of the test split" in out
    else:
        assert code == 0
        assert f"left out: {len(test) - len(unseen)} of {len(test)} packages of the test" in out
        [file] = (plant / "anew").rglob("predictions.csv")
        assert set(pd.read_csv(file, dtype=str)["serial"]) == set(unseen)


def test_weights_that_know_the_packages_of_the_test_are_refused(
    plant, divided_anew, script, capsys
):
    run = run_of(plant, "auto", "side")
    given = ["model.backbone=test_resnet", f"model.weights={run}", "trainer=cpu", "name=again",
             "data.image_size=32", f"data.source={divided_anew}", "perspective=side"]  # fmt: skip
    assert script("train", *given, cwd=plant) == 2
    assert "has learned from" in capsys.readouterr().err
    assert not (plant / "outputs" / "again").exists()
