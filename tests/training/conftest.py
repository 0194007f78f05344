"""Prepared data that the trainings of these tests share."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from packsight.preparation.prepare import prepare


@pytest.fixture(scope="package")
def prepared(sample, tmp_path_factory) -> Path:
    settings = OmegaConf.create(
        {"fractions": {"train": 0.6, "val": 0.2, "test": 0.2}, "folds": 2, "split_seed": 0,
         "max_unpacked_gb": 1, "overwrite": False}
    )  # fmt: skip
    return prepare(sample, tmp_path_factory.mktemp("data") / "sample", settings)
