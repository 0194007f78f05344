from pathlib import Path

import pytest
from omegaconf import OmegaConf

from packsight.errors import UserError
from packsight.runs.folder import (
    choose_folder,
    config_hash,
    resolved,
    run_folder,
    same_run,
    variant,
)
from packsight.system.files import write_json


@pytest.fixture
def plain(config):
    def build(*overrides):
        return OmegaConf.to_container(config("train", *overrides), resolve=True)

    return build


def test_the_folder_names_what_is_compared(config):
    cfg = config(
        "train", "name=exp", "model=resnet", "perspective=top", "precision=bf16", "seed=3",
        "variant=''", "outputs=out",
    )  # fmt: skip
    expected = Path("out/exp/sample/resnet18/top/bf16/split_seed3")
    assert run_folder(cfg) == expected
    cfg.data.fold, cfg.seed, cfg.variant = 0, 0, "ab12cd"
    assert run_folder(cfg) == expected.parent / "fold0_seed0_ab12cd"


def test_defaults_and_named_choices_have_no_variant(plain):
    assert variant(plain(), plain()) == ""
    named = plain("seed=5", "perspective=top", "outputs=x", "data.fold=1", "name=y", "logger=none")
    assert variant(named, plain("perspective=top")) == ""


@pytest.mark.parametrize(
    "override",
    ["optimizer.lr=0.01", "data.batch_size=8", "model.weights=none", "transforms=none",
     "data.image_size=96", "trainer.max_epochs=3", "callbacks=fixed"],
)  # fmt: skip
def test_whatever_changes_the_result_changes_the_variant(plain, override):
    changed = variant(plain(override), plain())
    assert len(changed) == 6
    assert changed != variant(plain(override, "optimizer.weight_decay=0.5"), plain())


def test_the_order_of_transforms_counts_and_what_is_null_does_not(plain):
    one, other = plain("transforms=[light,blur]"), plain("transforms=[blur,light]")
    assert config_hash(one) != config_hash(other)
    assert variant(one, plain()) != variant(other, plain())
    null = plain("transforms=[light,blur,jpeg]", "transforms.pipeline.jpeg=null")
    assert config_hash(one) == config_hash(null)


def test_the_hash_is_of_what_determines_the_result(plain):
    reference = config_hash(plain())
    assert config_hash(plain("outputs=elsewhere", "data.num_workers=2")) == reference
    assert config_hash(plain("seed=1")) != reference
    assert config_hash(plain("precision=bf16")) != reference
    assert config_hash(plain("manifest=other")) != reference
    # A key that is new and off leaves runs from before it what they were.
    assert config_hash(plain("+model.novelty=null")) == reference
    assert config_hash(plain("+model.novelty=0")) != reference


@pytest.fixture
def stands(config, tmp_path):
    """A finished run in its folder; returns the configuration, its resolved form and the folder."""

    def build(*overrides):
        cfg = config("train", f"outputs={tmp_path}", "variant=''", *overrides)
        folder = run_folder(cfg)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(cfg, folder / "config.yaml", resolve=True)
        write_json(folder / "status.json", {"config_hash": config_hash(resolved(cfg))})
        return folder

    return build


def test_the_same_configuration_has_the_same_folder(stands, config, tmp_path):
    folder = stands()
    again = config("train", f"outputs={tmp_path}", "variant=''", "run.wait=false", "logger=none")
    assert choose_folder(again) == folder
    assert same_run(folder, resolved(again))


def test_another_configuration_under_the_same_name_is_told_and_refused(stands, config, tmp_path):
    stands()
    other = config("train", f"outputs={tmp_path}", "variant=''", "optimizer.lr=0.5")
    with pytest.raises(UserError, match=r"optimizer.lr 0.0025 there, 0.5 here.*run.on_conflict"):
        choose_folder(other)


def test_new_stands_beside_and_is_found_again(stands, config, tmp_path):
    folder = stands()
    other = config(
        "train", f"outputs={tmp_path}", "variant=''", "optimizer.lr=0.5", "run.on_conflict=new"
    )
    beside = choose_folder(other)
    assert beside == folder.with_name("split_seed0_2")
    beside.mkdir()
    OmegaConf.save(other, beside / "config.yaml", resolve=True)
    write_json(beside / "status.json", {"config_hash": config_hash(resolved(other))})
    assert choose_folder(other) == beside


def test_overwrite_takes_the_folder_and_an_unknown_choice_is_refused(stands, config, tmp_path):
    folder = stands()
    other = config(
        "train", f"outputs={tmp_path}", "variant=''", "seed=0", "optimizer.lr=0.5",
        "run.on_conflict=overwrite",
    )  # fmt: skip
    assert choose_folder(other) == folder
    other.run.on_conflict = "ask"
    with pytest.raises(UserError, match="fail, new, overwrite"):
        choose_folder(other)
