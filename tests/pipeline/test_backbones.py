"""A model of a folder, from the command line to another machine."""

import json
import shutil

import pandas as pd
import pytest
import timm
import torch
from timm.models import save_for_hf

from packsight.system.archive import extract

NAME = "local-dir:exports/plant v1"
SMALL = ["model.weights=imagenet", "finetune=full", "crop=none", "data.image_size=32",
         "trainer.max_epochs=1", "trainer=cpu", "data.folds=2", "name=exp",
         "callbacks.progress=null", "logger=none"]  # fmt: skip


@pytest.fixture(scope="module")
def plant(sample, tmp_path_factory):
    """A folder with raw images, and with a model that somebody trained on others."""
    folder = tmp_path_factory.mktemp("plant")
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=5)
    config = {"pretrained_cfg": {"mean": (0.2, 0.2, 0.2), "std": (0.3, 0.3, 0.3)}}
    save_for_hf(model, folder / "exports/plant v1", config, safe_serialization=True)
    shutil.copytree(sample.parent / "raw", folder / "photos")
    return folder


def test_a_run_of_a_folders_model_is_of_use_where_the_folder_is_not(plant, script, capsys):
    words = [f"model.backbone={NAME}", "data.source=photos", *SMALL]
    assert script("train", "-m", *words, cwd=plant) == 0
    assert script("train", *words, cwd=plant) == 0
    assert "done already" in capsys.readouterr().out
    [run] = (plant / "outputs/exp/photos").iterdir()
    assert run.name == "local-dir-exports-plant-v1"

    elsewhere = plant / "elsewhere"
    extract(plant / "outputs/exp/models.zip", elsewhere / "runs", 10**9)
    shutil.copytree(plant / "photos", elsewhere / "photos")
    shutil.move(plant / "exports", plant / "gone")
    predict = ["run=runs", "source=photos", "output=out"]
    assert script("predict", *predict, cwd=elsewhere) == 0
    scores = pd.read_csv(elsewhere / "out/predictions.csv")
    assert len(scores) == 16
    evaluate = ["run=runs", f"data={plant / 'outputs/data/photos'}", "output=judged"]
    assert script("evaluate", *evaluate, cwd=elsewhere) == 0
    [file] = elsewhere.glob("judged/**/metrics.json")
    [own] = run.glob("**/metrics.json")
    assert json.loads(file.read_text())["test"] == json.loads(own.read_text())["test"]

    assert script("train", *words, cwd=plant) == 2
    assert "plant v1 is no folder" in capsys.readouterr().err
    shutil.move(plant / "gone", plant / "exports")


def test_other_weights_in_the_folder_make_another_run(plant, script, capsys):
    words = [f"model.backbone={NAME}", "data.source=photos", *SMALL, "name=again"]
    assert script("train", *words, cwd=plant) == 0
    folder = plant / "exports/plant v1"
    torch.manual_seed(1)
    save_for_hf(timm.create_model("test_resnet", num_classes=5), folder, safe_serialization=True)
    assert script("train", *words, cwd=plant) == 2
    assert "another configuration or other data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("backbone", "told"),
    [
        ("local-dir:nowhere", "nowhere is no folder"),
        ("mobilenetv2_100.foo", "mobilenetv2_100 has ra_in1k."),
        ("timm/resnet18", "a model of the hub is hf-hub:<owner>/<name>"),
        ("hf-hub:plant/model@v1", "has not answered for plant/model@v1"),
        ("local-dir:a[b", "a[b is no folder"),
    ],
)
def test_a_backbone_that_is_none_is_told_before_data_are_made(
    plant, script, capsys, backbone, told
):
    words = [f"model.backbone={backbone}", "data.source=photos", *SMALL, "data.name=other"]
    assert script("train", *words, cwd=plant) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (plant / "outputs/data/other").exists()
