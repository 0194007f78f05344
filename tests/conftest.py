"""Shared by all tests: few threads, no network look-ups, configurations, small prepared data."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import packsight.cli  # noqa: F401  (registers the resolvers that the configurations use)

ROOT = Path(__file__).resolve().parents[1]

# pytest-xdist runs a worker per core; more threads than that would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture
def config() -> Callable[..., DictConfig]:
    """Compose a real configuration: config("train", "model=resnet")."""

    def build(name: str, *overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            return compose(name, list(overrides))

    return build
