"""The README's Python example runs, and the parts' own defaults are those of the configurations."""

import inspect
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

import packsight

ROOT = Path(__file__).resolve().parents[1]
CELLS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
[EXAMPLE] = [cell for cell in CELLS if "import" in cell]
# The same on a smaller network, for one epoch.
SMALLER = {
    "(288, 384)": "(32, 48)",
    '"tf_efficientnet_lite0"': '"test_resnet"',
    'weights="bundled"': 'weights="none"',
    "max_epochs=3": 'max_epochs=1, accelerator="cpu", logger=False, default_root_dir="lightning"',
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sample, script) -> Path:
    """A folder with photos and a trained run, as the example finds them."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copytree(sample.parent / "raw", folder / "photos")
    small = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch",
             "data.image_size=32", "trainer.max_epochs=1", "data.source=photos"]  # fmt: skip
    assert script("train", *small, cwd=folder) == 0
    return folder


def test_the_example_of_the_readme_runs(trained, monkeypatch):
    code = EXAMPLE
    for given, smaller in SMALLER.items():
        assert given in code
        code = code.replace(given, smaller)
    monkeypatch.chdir(trained)
    found: dict = {}
    exec(code, found)
    assert found["heat"].shape == (32, 32)
    assert np.isfinite(found["heat"]).all()
    assert found["heat"].any()
    assert 0 <= found["model"].predict([found["frame"]])[0] <= 1


def test_a_network_trained_by_hand_predicts(trained, monkeypatch):
    monkeypatch.chdir(trained)
    data = packsight.PackageDataModule("outputs/data/photos", image_size=(32, 48))
    network = packsight.create_network("test_resnet", data.image_size)
    predictor = packsight.Predictor(network, data.image_size, data.cameras, belts=data.belts)
    files = [data.root / path for path in data.table["path"][:3]]
    assert predictor.predict(files).shape == (3,)


def test_every_name_is_there_and_an_unknown_one_names_them():
    for name in packsight.__all__:
        assert getattr(packsight, name).__name__ == name
    with pytest.raises(AttributeError, match=r"has no Trainer; it has .*Classifier"):
        packsight.Trainer  # noqa: B018


DEFAULTS = {
    "datamodule": {"transform", "on_device", "crop"},  # made, or decided, by the stage
    "datamodule.crop": set(),
    "classifier": {"optimizer", "scheduler"},
    "network": {"weights"},  # by hand, none; a configuration's depend on its family
    "request.settings": set(),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_is_built_by_hand_has_the_configurations_defaults(config, name):
    values = OmegaConf.to_container(OmegaConf.select(config("train").parts, name), resolve=True)
    parameters = inspect.signature(get_object(values["_target_"])).parameters
    compared = 0
    for key, value in values.items():
        default = parameters[key].default if key in parameters else inspect.Parameter.empty
        if key in DEFAULTS[name] or default is inspect.Parameter.empty:
            continue
        default = default.default_factory() if hasattr(default, "default_factory") else default
        if isinstance(value, list):
            default = list(default)
        if repr(default) != "<factory>":
            assert value == default, key
            compared += 1
    assert compared > 0


def test_the_optimiser_and_schedule_by_hand_are_the_configurations(config):
    cfg = config("train")
    parameters = inspect.signature(packsight.Classifier).parameters
    optimizer = parameters["optimizer"].default
    assert cfg.optimizer._target_.endswith(optimizer.func.__name__)
    assert {key: cfg.optimizer[key] for key in optimizer.keywords} == optimizer.keywords
    schedule = inspect.signature(parameters["scheduler"].default).parameters
    for key in ("warmup_share", "final_scale"):
        assert schedule[key].default == cfg.scheduler[key]
