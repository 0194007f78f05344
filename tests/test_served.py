"""From a sweep of folds to decisions on new packages, by the archive alone."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trained import SMALL

from packsight.decision.rule import read_decision
from packsight.sample.render import render_sample

ONCE = ["trainer=cpu"]


@pytest.fixture(scope="module")
def plant(tmp_path_factory, sample, script) -> Path:
    """A folder after a sweep over two folds on each camera."""
    folder = tmp_path_factory.mktemp("plant")
    sweep = ["-m", f"data.source={sample}", "perspective=top,side", "data.fold=0,1", *SMALL, *ONCE]
    assert script("train", *sweep, cwd=folder) == 0
    return folder


@pytest.fixture
def elsewhere(plant, sample, tmp_path) -> Path:
    """A folder with models.zip, and photos: both images of a package; then one, torn and none."""
    shutil.copy(plant / "outputs/exp/models.zip", tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    images = sorted((sample.parent / "raw").glob("*/*/*_*.*g"))
    serials = sorted({image.stem[:13] for image in images})[:4]
    for image in images:
        if image.stem[:13] in serials:
            shutil.copy(image, photos)
    for camera in ("top", "side"):
        [third] = photos.glob(f"{serials[2]}_{camera}.*")
        third.write_bytes(third.read_bytes()[:1000])
    [lost] = photos.glob(f"{serials[1]}_side.*")
    lost.unlink()
    return tmp_path


def table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype={"serial": str}).fillna({"error": ""})


def test_a_sweep_ends_with_a_decision_that_travels_with_its_models(plant, tmp_path):
    decision = read_decision(plant / "outputs/exp/decision.json")
    assert decision.by_default
    assert all(len(names) == 2 for names in decision.runs.values())
    with zipfile.ZipFile(plant / "outputs/exp/models.zip") as archive:
        archive.extract("decision.json", tmp_path)
    assert read_decision(tmp_path / "decision.json") == decision


def test_the_archive_alone_decides_by_the_mean_of_its_models(elsewhere, script, capsys):
    given = ["run=models.zip", "source=photos"]
    decide = [*given[:1], "fusion=mean", "output=cut", "decision=fixed"]
    assert script("decide", *decide, cwd=elsewhere) == 0
    decision = read_decision(elsewhere / "cut/decision.json")
    decide = ["output=both", "decision=cut/decision.json"]
    capsys.readouterr()
    assert script("predict", *given, *decide, cwd=elsewhere) == 0
    said = " ".join(capsys.readouterr().out.split())
    images = table(elsewhere / "both/predictions.csv").set_index(["serial", "perspective"])
    alone = {}
    for camera, names in decision.runs.items():
        for name in names:
            one = [f"member={name}", "decision=none", f"output={name}"]
            assert script("predict", *given, *one, cwd=elsewhere) == 0
            scores = table(elsewhere / name / "predictions.csv").set_index("serial")["probability"]
            alone.setdefault(camera, []).append(scores.dropna())
    for camera, members in alone.items():
        mean = np.mean(members, axis=0)
        together = images.xs(camera, level="perspective")["probability"]
        np.testing.assert_allclose(together[members[0].index], mean, atol=1e-6)
        assert not np.allclose(*members, atol=1e-4)
    packages = table(elsewhere / "both/verdicts.csv").set_index("serial")
    assert len(packages) == 4
    assert (packages["decision"].iloc[2], packages["reason"].iloc[2]) == ("inspect", "no_score")
    if "side" in alone:  # whose image of the second is lost
        assert packages["decision"].iloc[1] == "inspect"
    if len(alone) == 2:
        assert packages["reason"].iloc[1] == "missing_camera"
        assert "1 with a camera missing" in said
    assert f"{2 if [*alone] == ['side'] else 1} without a usable image" in said
    assert "of 4 packages: " in said
    for column in ("decision", "reason"):
        told = images.reset_index().set_index("serial")[column]
        assert (told == packages[column].reindex(told.index)).all()


def test_a_region_is_told_for_what_is_not_accepted(elsewhere, script):
    ends = ["decision.thresholds.accept_below=0", "decision.thresholds.reject_from=0"]
    decide = ["run=models.zip", "member=*/side/*", "decision=fixed", *ends, "output=all"]
    assert script("decide", *decide, cwd=elsewhere) == 0
    predict = ["run=models.zip", "source=photos", "output=res", "decision=all/decision.json"]
    locate = ["locate=true", "explainer.max_steps=16", "explainer.steps=8"]
    assert script("predict", *predict, *locate, cwd=elsewhere) == 0
    images = table(elsewhere / "res/predictions.csv")
    scored = images["probability"].notna()
    assert scored.sum() == 2
    assert set(images["decision"]) <= {"reject", "inspect"}
    assert (images["region_score"].notna() <= scored).all()
    # From above alone there is a package, which this decision cannot know.
    packages = table(elsewhere / "res/verdicts.csv")
    assert packages["reason"].tolist().count("no_score") == 2


def test_without_a_decision_one_line_says_so_and_a_prior_is_refused(elsewhere, script, capsys):
    given = ["run=models.zip", "source=photos", "decision=none"]
    assert script("predict", *given, "output=plain", cwd=elsewhere) == 0
    said = capsys.readouterr().out
    assert said.count("0.5") == 1
    assert "python scripts/decide.py run=models.zip" in said
    assert "decision" not in table(elsewhere / "plain/predictions.csv")
    assert script("predict", *given, "output=prior", "prior=0.1", cwd=elsewhere) == 2
    assert "prior=0.1 moves a decision, and there is none" in capsys.readouterr().err


def test_another_line_moves_the_decision_and_a_foreign_fusion_is_refused(elsewhere, script, capsys):
    given = ["run=models.zip", "source=photos"]
    kind = read_decision_of(elsewhere / "models.zip")
    other = next(name for name in ("max", "mean") if name != kind)
    assert script("predict", *given, "output=x", f"fusion={other}", cwd=elsewhere) == 2
    assert f"fusion={other} has no effect" in capsys.readouterr().err
    for prior in ("0.3", "estimate"):
        move = [f"output={prior}", f"prior={prior}"]
        assert script("predict", *given, *move, cwd=elsewhere) == 0
        assert "prior" in capsys.readouterr().out
    assert script("predict", *given, "output=x", "prior=1.5", cwd=elsewhere) == 2
    assert "estimate" in capsys.readouterr().err


def read_decision_of(archive: Path) -> str | None:
    with zipfile.ZipFile(archive) as opened:
        fusion = json.loads(opened.read("decision.json"))["fusion"]
    return fusion and fusion["kind"]


def test_one_that_was_asked_for_outlives_reports(plant, script, tmp_path, capsys):
    experiment = tmp_path / "outputs/exp"
    shutil.copytree(plant / "outputs/exp", experiment)
    asked = ["run=outputs/exp", "decision.costs.missed=123"]
    assert script("decide", *asked, cwd=tmp_path) == 0
    capsys.readouterr()
    assert script("report", "name=exp", "archive=true", cwd=tmp_path) == 0
    assert "is kept, as it was asked for" in " ".join(capsys.readouterr().out.split())
    assert read_decision(experiment / "decision.json").costs.missed == 123
    with zipfile.ZipFile(experiment / "models.zip") as archive:
        assert b'"missed": 123' in archive.read("decision.json")
    (experiment / "decision.json").unlink()
    assert script("report", "name=exp", cwd=tmp_path) == 0
    assert read_decision(experiment / "decision.json").by_default


def test_a_decision_is_judged_on_packages_that_none_of_its_models_knows(plant, script, capsys):
    render_sample(plant / "others", packages=10, seed=8, workers=1)
    prepare = ["data.source=others", "data.name=others", "data.folds=2"]
    assert script("prepare", *prepare, cwd=plant) == 0
    given = ["run=outputs/exp/models.zip", "output=judged"]
    assert script("evaluate", *given, cwd=plant) == 0
    assert "the decision is not judged" in " ".join(capsys.readouterr().out.split())
    assert not list(plant.glob("judged/*_decided"))
    other = ["data=outputs/data/others", "split=train"]
    assert script("evaluate", *given, *other, cwd=plant) == 0
    found = json.loads((plant / "judged/others_train_decided/metrics.json").read_text())["decision"]
    packages = pd.read_csv(plant / "judged/others_train_decided/decisions.csv")
    assert len(packages) == sum(found["packages"].values()) > 0
    assert found["accept"] + found["reject"] + found["inspect"] == len(packages)
