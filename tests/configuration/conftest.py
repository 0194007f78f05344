"""Configurations as they are typed."""

import copy
from collections.abc import Callable

import pytest
from omegaconf import DictConfig, OmegaConf

from packsight.configuration.arguments import arranged
from packsight.configuration.check import checked
from packsight.configuration.choices import Choices
from packsight.configuration.quoting import parsed

GIVEN = {
    "evaluate": ["run=r"],
    "explain": ["run=r"],
    "export": ["run=r", "output=o"],
    "predict": ["run=r", "source=s", "output=o"],
}
COMPOSED: dict[tuple[str, ...], DictConfig] = {}


@pytest.fixture
def typed(config) -> Callable[..., DictConfig]:
    """The checked configuration of a command: typed("train", "seed=1").

    Choices are composed once for all tests; values are set as Hydra sets them.
    """

    def build(stage: str, *words: str) -> DictConfig:
        overrides = [parsed(word) for word in arranged([*GIVEN.get(stage, []), *words], stage)]
        groups = Choices(stage).groups
        chosen = [o.input_line for o in overrides if o.is_delete() or o.key_or_group in groups]
        if (stage, *chosen) not in COMPOSED:
            COMPOSED[stage, *chosen] = config(stage, *chosen)
        cfg = copy.deepcopy(COMPOSED[stage, *chosen])
        for override in overrides:
            if override.input_line not in chosen:
                key, value = override.key_or_group, override.value()
                OmegaConf.update(cfg, key, value, merge=True, force_add=override.is_force_add())
        return checked(cfg, stage)

    return build
