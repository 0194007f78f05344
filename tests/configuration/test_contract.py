"""The files in configs/ and the schema say the same."""

import pytest
import yaml
from omegaconf import OmegaConf

from packsight.configuration.check import checked
from packsight.configuration.choices import CONFIGS, Choices
from packsight.configuration.keys import find, names
from packsight.configuration.schema import SCHEMAS
from packsight.configuration.targets import check_targets
from packsight.models.network import MEMORY_FORMATS
from packsight.training.compilation import MODES

GIVEN = {
    "decide": ["run=r"], "evaluate": ["run=r"], "explain": ["run=r"],
    "export": ["run=r", "output=o"], "predict": ["run=r", "source=s", "output=o"],
}  # fmt: skip
CHOSEN = sorted(
    (stage, group, option)
    for stage in SCHEMAS
    for group in Choices(stage).groups
    for option in Choices(stage).options(group)
)


def test_every_stage_has_a_schema():
    assert {file.stem for file in CONFIGS.glob("*.yaml")} == set(SCHEMAS)


@pytest.mark.parametrize("stage", SCHEMAS)
def test_a_stage_as_it_is_is_right(config, stage):
    cfg = checked(config(stage, *GIVEN.get(stage, [])), stage)
    values = OmegaConf.to_container(cfg, resolve=True)
    assert "???" not in yaml.dump(values)
    check_targets(values, stage, known=True)


@pytest.mark.parametrize(("stage", "group", "option"), CHOSEN)
def test_every_choice_is_right(config, stage, group, option):
    if group == "experiment" and option in Choices(stage).searches():
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    cfg = checked(config(stage, *GIVEN.get(stage, []), f"{group}={option}"), stage)
    check_targets(OmegaConf.to_container(cfg, resolve=True), stage, known=True)


def in_files(stage: str) -> set[str]:
    """All keys of a stage that stand in some file."""
    choices = Choices(stage)
    keys = {key for key in choices.own if key.split(".")[0] not in ("defaults", "hydra")}
    for group in choices.groups:
        if not choices.is_global(group):
            keys |= {group}.union(
                *(choices.keys(group, option) for option in choices.options(group))
            )
    return keys


@pytest.mark.parametrize("stage", SCHEMAS)
def test_every_key_of_the_files_is_known_to_the_schema(stage):
    strangers = [key for key in in_files(stage) if not find(stage, key.split("."))[1]]
    assert strangers == []


@pytest.mark.parametrize("stage", SCHEMAS)
def test_every_key_of_the_schema_stands_in_a_file(stage):
    """But for arguments of what a section names, which are there to be ranged if they are given."""
    files = in_files(stage) | {"recipe"}  # of files that set keys at the top
    absent = []
    for key in names(stage):
        parent, _ = find(stage, key.split(".")[:-1])
        if key not in files and not parent.is_open:
            absent.append(key)
    assert absent == []


def test_choices_that_have_a_table_elsewhere_are_the_same():
    modes, _ = find("train", ["model", "compile"])
    layouts, _ = find("train", ["model", "memory_format"])
    assert modes.allowed == f"one of {', '.join(MODES)}, or null"
    assert layouts.allowed == f"one of {', '.join(MEMORY_FORMATS)}, auto"


def test_the_benchmark_has_the_sections_of_its_schema():
    from packsight.benchmark.run import SECTIONS
    from packsight.configuration import schema

    assert tuple(SECTIONS) == schema.SECTIONS
