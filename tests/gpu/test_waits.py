"""A step as the trainer runs it gives a GPU its work without waiting for a result."""

import pytest
from hydra import initialize_config_dir

from packsight.benchmark import gpu_training
from packsight.benchmark.work import Work
from packsight.configuration.schema import BenchmarkConfig
from packsight.configuration.stored import resolved
from packsight.domain import Precision
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings
from packsight.system.resources import CONFIGS

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def work(sample, tmp_path_factory) -> Work:
    from hydra import compose

    folder = tmp_path_factory.mktemp("waits")
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        values = resolved(compose("benchmark", ["image_size=64", f"output={folder}"]))
    made = Work(BenchmarkConfig.model_validate(values), folder)
    prepare(sample, made.data, SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2))
    return made


@pytest.mark.parametrize("form", gpu_training.FORMS)
@pytest.mark.parametrize("precision", list(Precision))
def test_no_step_waits(work, gpu, precision, form):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        found = gpu_training.step_waits(work, "resnet10t", 4, precision, form, gpu)
    assert found["kernels"] > 100  # else nothing was seen
    assert found["waits"] == 0, found
