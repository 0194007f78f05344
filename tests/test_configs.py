"""Every shipped configuration composes, and every value in it is complete."""

import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from packsight.models.weights import BUNDLED

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
STAGES = sorted(file.stem for file in CONFIGS.glob("*.yaml"))
MANDATORY = {
    "evaluate": ["run=r"],
    "explain": ["run=r"],
    "predict": ["run=r", "source=s", "output=o"],
    "decide": ["run=r"],
    "export": ["run=r", "output=o"],
}
OPTIONS = sorted(
    (folder.name, file.stem)
    for folder in CONFIGS.iterdir()
    if folder.is_dir() and folder.name not in ("hydra", "parts")
    for file in folder.glob("*.yaml")
)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_composes_and_resolves(config, stage):
    cfg = config(stage, *MANDATORY.get(stage, []))
    assert "???" not in OmegaConf.to_yaml(cfg, resolve=True)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_resolves(config, group, option):
    stage = {"explainer": "explain", "decision": "decide"}.get(group, "train")
    overrides = [f"{group}={option}", *MANDATORY.get(stage, [])]
    cfg = config(stage, *overrides)
    assert "???" not in OmegaConf.to_yaml(cfg, resolve=True)


def test_source_names_the_data(config):
    assert config("prepare").data.name == "sample"
    assert config("prepare", "data.source='in/Line 7.zip'").data.name == "line-7"
    assert config("prepare", "data.source=x.zip", "data.name=mine").data.name == "mine"


@pytest.mark.parametrize("recipe", ["few_images", "cropped", "full_frame"])
def test_what_is_given_wins_over_the_recipe(config, recipe):
    given = ["finetune=probe", "trainer.max_epochs=3", "crop=none"]
    for overrides in (given, given[::-1]):
        cfg = config("train", f"recipe={recipe}", *overrides)
        assert cfg.recipe == recipe
        assert (cfg.crop.name, cfg.crop.image_size) == ("none", None)
        assert cfg.finetune.backbone_lr_scale == 0.0
        assert cfg.trainer.max_epochs == 3


def test_recipes_differ_in_what_they_are_named_for(config):
    few, cropped, full = (
        config("train", f"recipe={recipe}") for recipe in ("few_images", "cropped", "full_frame")
    )
    assert [cfg.crop.name for cfg in (few, cropped, full)] == ["auto", "auto", "none"]
    assert [cfg.finetune.frozen_share > 0 for cfg in (few, cropped, full)] == [True, False, False]
    assert [cfg.transforms.average_mirrored for cfg in (few, cropped, full)] == [True, False, False]
    assert config("train") == few


def test_the_demo_compares_two_pretrained_networks_on_both_cameras(config):
    jobs = []
    for command in re.findall(r"scripts/train\.py (.*)", (CONFIGS.parent / "Makefile").read_text()):
        pairs = [word.split("=", 1) for word in command.split() if "=" in word]
        values = [[f"{key}={value}" for value in several.split(",")] for key, several in pairs]
        jobs += [config("train", *job) for job in product(*values)]
    assert {job.name for job in jobs} == {"demo"}
    pretrained = [job for job in jobs if job.model.weights == "bundled"]
    assert {job.model.backbone for job in pretrained} <= set(BUNDLED)
    cameras = Counter(job.model.backbone for job in pretrained)
    assert sorted(cameras.values()) == [2, 2]
    assert [job.model.weights for job in jobs if job not in pretrained] == ["none"]
