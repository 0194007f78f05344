"""A complete training configuration, for tests that need to say only what is special of theirs."""

import copy
from functools import cache
from typing import Any

import yaml
from hydra import compose, initialize_config_dir

import packsight.cli  # noqa: F401  (registers the resolvers that the configurations use)
from packsight.configuration.stored import resolved
from packsight.system.resources import CONFIGS


@cache
def _default() -> dict[str, Any]:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return resolved(compose("train", ["variant=''", "crop=none"])) | {"recipe": None}


def complete(changes: dict[str, Any]) -> dict[str, Any]:
    """The default configuration with these values, nested, in the place of its own."""
    config = copy.deepcopy(_default())
    _merge(config, changes)
    return config


def complete_yaml(changes: dict[str, Any]) -> str:
    return yaml.safe_dump(complete(changes))


def _merge(config: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _merge(config[key], value)
        else:
            config[key] = value
