import json

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from packsight.benchmark import floor, sweep, training
from packsight.benchmark.run import table
from packsight.data.transforms_config import augmentation


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_floor_trains_and_writes_its_checkpoint_and_steps(tmp_path, channels_last):
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    floor.main(
        {
            "array": str(tmp_path / "images.npy"),
            "files": [],
            "decode": False,
            "channels_last": channels_last,
            "labels": [0, 1] * 5,
            "train": list(range(7)),
            "val": [7, 8, 9],
            "backbone": "mobilenetv3_small_050",
            "size": 32,
            "batch_size": 3,
            "epochs": 2,
            "checkpoint": str(tmp_path / "model.pt"),
            "steps": str(tmp_path / "steps.json"),
        }
    )
    steps = json.loads((tmp_path / "steps.json").read_text())
    assert [(epoch, count) for epoch, count, *_ in steps] == [(0, 3), (0, 3), (1, 3), (1, 3)]
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(value.isfinite().all() for value in state.values())


def test_the_floor_changes_images_as_much_as_packsight_does(config):
    """A square that is moved, turned and lit: its area, place and light vary alike."""
    image = np.zeros((288, 384, 3), np.uint8)
    image[90:198, 120:264] = 120
    pipeline = OmegaConf.to_container(config("train").transforms.pipeline, resolve=True)
    packsight, rng = augmentation(pipeline), np.random.default_rng(0)

    def facts(changed: np.ndarray) -> tuple[float, float, float]:
        bright = changed[..., 0] > 60
        rows, columns = np.nonzero(bright)
        return bright.sum(), abs(columns.mean() - 191.5) + abs(rows.mean() - 143.5), changed.max()

    one = np.array([facts(floor.augmented(image, rng)) for _ in range(400)])
    other = np.array([facts(packsight(image, seed)) for seed in range(400)])
    assert one.mean(0) == pytest.approx(other.mean(0), rel=0.05)
    assert one.std(0) == pytest.approx(other.std(0), rel=0.25)


def test_levers_and_the_sweep_name_values_that_exist(config):
    for overrides in (training.LEVERS | training.COMPILED).values():
        config("train", *overrides)
    assert sweep.JOBS > 2  # the first job is left out


def test_a_table_has_a_row_for_each_thing(capsys):
    from packsight.system.console import console

    results = {"floor": {"seconds": 2.0}, "steps": {"fp32": {"rate": 3.0}}, "device": "cpu"}
    console.print(table("section", results))
    shown = capsys.readouterr().out
    assert "floor" in shown
    assert "steps, fp32" in shown
    assert "cpu" in shown
