"""Configurations that runs have left behind: of earlier versions, damaged, of later ones."""

import random
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from packsight.configuration.schema import TrainConfig
from packsight.configuration.stored import config_from, read_config, read_values, write_values
from packsight.configuration.upgrade import upgrade
from packsight.configuration.yaml_text import load
from packsight.errors import UserError

STORED = Path(__file__).parent / "stored"
SIGNS = [b"1e999", b"\t", b"[", b"{", b"null", b": ", b"!!"]
VERSION_0_1_0 = (STORED / "version_0_1_0.yaml").read_bytes()


@pytest.fixture
def read(tmp_path):
    """The configuration of a run whose config.yaml holds these bytes."""

    def reading(content: bytes) -> TrainConfig:
        (tmp_path / "config.yaml").write_bytes(content)
        return read_config(tmp_path)

    return reading


def test_a_run_of_version_0_1_0_is_what_it_was(read):
    config = read(VERSION_0_1_0)
    assert (config.model.backbone, config.model.memory_format) == (
        "tf_efficientnet_lite0", "channels_last",
    )  # fmt: skip
    assert (config.perspective.name, config.perspective.cameras) == ("top", ["top"])
    assert (config.crop.name, config.crop.upright) == ("auto", ["top"])
    assert tuple(config.crop.image_size) == (288, 512)
    assert (config.data.fold, config.data.cache_gb, config.data.on_device) == (2, 20, False)
    assert (config.precision.name, config.seed, config.recipe) == ("fp32", 0, "few_images")
    assert config.optimizer == {
        "_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.0025, "weight_decay": 0.01,
    }  # fmt: skip
    assert type(config.trainer) is type(config.callbacks) is dict


@pytest.mark.parametrize(
    ("ranges", "names"),
    [
        ({"horizontal_flip": 0.5, "vertical_flip": 0.5}, ["HorizontalFlip", "VerticalFlip"]),
        ({"horizontal_flip": 0.25, "vertical_flip": 0.0}, ["HorizontalFlip"]),
        ({"horizontal_flip": 0.0, "vertical_flip": 0.0}, []),
    ],
)
def test_predictions_are_the_mean_over_the_mirror_images_that_an_older_training_saw(ranges, names):
    values = load(VERSION_0_1_0.decode())
    values["transforms"] |= ranges
    transforms = config_from(values, "a run").transforms
    assert transforms.average_mirrored is True
    assert [part["_target_"] for part in transforms.pipeline.values()] == [
        f"albumentations.{name}" for name in names
    ]
    assert {part["p"] for part in transforms.pipeline.values()} <= {0.25, 0.5}


def test_a_run_of_the_first_layout_saw_whole_frames_and_kept_nothing(read):
    config = read((STORED / "first_layout.yaml").read_bytes())
    assert (config.crop.name, config.crop.image_size) == ("none", None)
    assert (config.finetune.frozen_share, config.finetune.views) == (0.0, 0)
    assert (config.perspective.paired, config.perspective.camera_dropout) == (False, 0.0)
    assert config.transforms.average_mirrored is False
    assert config.data.cache_gb == float("inf")
    assert config.recipe is config.measured is None


@pytest.mark.parametrize(("layout", "format"), [(True, "channels_last"), (False, "contiguous")])
def test_the_first_layouts_memory_format_was_a_switch(layout, format):
    values = load((STORED / "first_layout.yaml").read_text())
    values["model"]["channels_last"] = layout
    assert config_from(values, "a run").model.memory_format == format


def test_todays_configuration_is_not_upgraded(typed):
    values = OmegaConf.to_container(typed("train"), resolve=True)
    assert upgrade(values) == values
    assert config_from(values, "a run").data.name == "sample"


def test_an_upgrade_leaves_what_it_was_given_alone():
    values = load(VERSION_0_1_0.decode())
    before = yaml.dump(values)
    upgrade(values)
    assert yaml.dump(values) == before


def test_keys_of_a_later_version_are_left_out(read):
    later = VERSION_0_1_0 + b"later: {a: 1}\n"
    later = later.replace(b"  folds: 5\n", b"  folds: 5\n  kind: x\n")
    later = later.replace(b"  folds: 5\n", b"  folds: 5\n  other: y\n")
    assert read(later) == read(VERSION_0_1_0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"name: runs", b"name: a/b"),
        (b"name: runs", b"name: data"),
        (b"monitor: val/loss", b"monitor: val/acc"),
        (b"monitor_mode: min", b"monitor_mode: max"),
        (b"batch_size: 16", b"batch_size: 1"),
        (b"devices: 1", b"devices: -1"),
        (b"lr: 0.0025", b"lr: 25"),
    ],
)
def test_what_was_trained_is_read_though_it_would_be_refused_today(read, old, new):
    assert VERSION_0_1_0.count(old) >= 1
    read(VERSION_0_1_0.replace(old, new))


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"null", "is empty"),
        (b"3", "holds no keys with values"),
        (b"- data\n- model\n", "holds no keys with values"),
        (b"data:\n\tname: x\n", "is no YAML (line 2: found character that cannot start any token)"),
        (VERSION_0_1_0[:900], "is no YAML (line "),
        (VERSION_0_1_0.partition(b"crop:\n")[0], "is damaged: it has no model.backbone, and "),
        (b"name: \xff\n", "is not UTF-8 text (byte 6)"),
        (b"\x00", "is no YAML ("),
        (b"a: &a [*a]", "is damaged: it has no data.source"),
        (VERSION_0_1_0 + b"seed: &a [*a]\n",
         "is damaged: seed=[[[…]]] is not allowed"),
        (b"a: " + b"{a: " * 3000 + b"}" * 3000, "is no YAML (it is nested more than 100 deep)"),
        (b"[" * 100_000, "is no YAML (it is nested more than 100 deep)"),
        (b"- " * 100_000, "is no YAML (it is nested more than 100 deep)"),
        (VERSION_0_1_0.replace(b"batch_size: 16", b"batch_size: many"),
         "is damaged: data.batch_size=many is not allowed; use a whole number of at least 2"),
        (VERSION_0_1_0.replace(b"seed: 0\noutputs", b"seed: [0]\noutputs"),
         "is damaged: seed=[0] is not allowed; use a whole number"),
        (VERSION_0_1_0.replace(b"name: fp32", b"name: fp31"),
         "is damaged: precision.name=fp31 is not allowed; use one of fp32, "),
        (VERSION_0_1_0.replace(b"\ntransforms:\n", b"\ntransforms: 3\nother:\n"),
         "is damaged: transforms=3 is not allowed"),
        (VERSION_0_1_0.replace(b"\noptimizer:\n", b"\noptimizer: 3\nother:\n"),
         "is damaged: optimizer=3 is not allowed"),
        (VERSION_0_1_0.replace(b"backbone: tf_efficientnet_lite0", b"backbone: null"),
         "is damaged: model.backbone=null is not allowed; use a timm model's name"),
        (VERSION_0_1_0.replace(b"  name: top\n", b""), "is damaged: it has no perspective.name;"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_with_what_is_wrong_and_what_to_do(read, tmp_path, content, wrong):
    with pytest.raises(UserError) as mistake:
        read(content)
    said = str(mistake.value)
    assert said.startswith(f"{tmp_path / 'config.yaml'} {wrong}")
    assert said.endswith("restore it from a copy (models.zip holds one), or train the run again.")
    assert "\n" not in said


def test_a_folder_without_a_configuration_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no config\.yaml; give the folder of a run\."):
        read_config(tmp_path)
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(UserError, match=r"config\.yaml cannot be read \(Is a directory\)"):
        read_config(tmp_path)


@pytest.mark.parametrize("values", [None, [], 3, "text", {}, {"data": 3}, {3: 4}])
def test_what_a_checkpoint_holds_instead_is_told(values):
    with pytest.raises(UserError, match=r"^best\.ckpt "):
        config_from(values, "best.ckpt")


def test_whatever_is_damaged_ends_in_a_configuration_or_a_sentence(read):
    rng = random.Random(0)
    read_well = 0
    for _ in range(300):
        content = bytearray(VERSION_0_1_0)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(content))
            kind = rng.randrange(4)
            if kind == 0:
                content[place] = rng.randrange(256)
            elif kind == 1:
                del content[place : place + rng.randint(1, 40)]
            elif kind == 2:
                content[place:place] = content[rng.randrange(len(content)) :][: rng.randint(1, 60)]
            else:
                content[place:place] = rng.choice(
                    [b"1e999", b"\t", b"[", b"{", b"null", b": ", b"!!"]
                )
        try:
            read(bytes(content))
            read_well += 1
        except UserError:
            pass
    assert 0 < read_well < 300


def test_what_is_written_is_read_as_it_was(tmp_path, typed):
    values = OmegaConf.to_container(typed("train", "name=1.10", "data.name=1e5"), resolve=True)
    values["optimizer"]["lr"] = 1e-7
    write_values(values, tmp_path)
    assert read_values(tmp_path) == values
    assert read_config(tmp_path).name == "1.10"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1.0e-07", 1e-7), ("5", 5), ("0.5", 0.5), (".inf", float("inf")),
     ("2026-11-25", "2026-11-25"), ("'1'", "1"), ("true", True), ("null", None),
     ("1.2.3", "1.2.3")],
)  # fmt: skip
def test_yaml_is_read_as_omegaconf_reads_it(text, value):
    assert (
        load(f"a: {text}") == {"a": value} == OmegaConf.to_container(OmegaConf.create(f"a: {text}"))
    )
