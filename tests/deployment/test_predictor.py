"""A frame in use is cut and scored as it was in training."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from packsight.configuration.stored import config_from
from packsight.deployment.predictor import Predictor
from packsight.domain import Split
from packsight.errors import UserError
from packsight.evaluation.scoring import score_split
from packsight.imaging.belt_arrays import pack_belts
from packsight.imaging.belt_file import load_belts
from packsight.imaging.decode import read_image
from packsight.pipeline.parts import part
from packsight.pipeline.train import resolved
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings
from packsight.runs.saved import Run

SMALL = ["model.backbone=resnet10t", "model.weights=none", "data.image_size=[48,64]"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """Ten packages, white rectangles on a striped belt, seen by both cameras."""
    source = tmp_path_factory.mktemp("source")
    for number in range(20):
        rng = np.random.default_rng(number)
        frame = np.full((270, 480, 3), 110.0) + rng.normal(0, 8, (270, 480, 1))
        frame[:, (np.arange(480) + rng.integers(30)) % 30 < 4] = 50
        place = ((rng.uniform(150, 330), rng.uniform(90, 180)), (120, 60), rng.uniform(-15, 15))
        image = frame.clip(0, 255).astype(np.uint8)
        cv2.fillPoly(image, [np.rint(cv2.boxPoints(place)).astype(int)], (230, 225, 220))
        camera, label = ("top", "side")[number % 2], ("intact", "damaged")[number // 2 % 2]
        file = source / label / camera / f"{number // 2:013d}_{camera}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), image)
    settings = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)
    return prepare(source, tmp_path_factory.mktemp("data") / "belt", settings)


@pytest.fixture
def trained(prepared, config, tmp_path):
    """A run's predictor with the data module and the network that it was made from."""

    def build(*overrides: str):
        torch.manual_seed(0)
        cfg = config("train", *SMALL, "data.on_device=false", *overrides)
        size = (48, 64)
        make = part(cfg, "datamodule")
        data = make(source=prepared, image_size=size, cache_folder=tmp_path / "cache")
        network = part(cfg, "network")(size=size)
        belts = pack_belts(load_belts(prepared))
        checkpoint = {
            "state_dict": {f"network.{key}": value for key, value in network.state_dict().items()},
            "belts": {key: torch.from_numpy(value) for key, value in belts.items()},
        }
        torch.save(checkpoint, tmp_path / "best.ckpt")
        run = Run(tmp_path, tmp_path / "best.ckpt", config_from(resolved(cfg), "run"), "run")
        return Predictor.from_run(run, "cpu"), data, network

    return build


@pytest.mark.parametrize("crop", ["none", "auto"])
@pytest.mark.parametrize("camera", ["top", "side"])
def test_a_new_frame_is_cut_as_in_training(trained, crop, camera):
    predictor, data, _ = trained(f"perspective={camera}", f"crop={crop}")
    assert (data.table["crop_source"] == "auto").all()
    for row in data.table.itertuples():
        image, how, _ = predictor.view.look(read_image(data.root / row.path), camera)
        assert how == crop
        assert np.array_equal(image, data.cache[row.sha256])


def test_a_frame_without_a_package_or_a_known_camera_is_used_whole(trained):
    predictor, *_ = trained("perspective=side")
    predictor.view.belts.pop("top")
    frame = np.full((96, 128, 3), 77, np.uint8)
    for camera in ("top", ""):
        image, how, _ = predictor.view.look(frame, camera)
        assert how == "frame"
        assert image.shape == (48, 64, 3)
        assert (image == 77).all()


@pytest.mark.parametrize("perspective", ["side", "both", "pair"])
def test_a_new_frame_is_scored_as_in_evaluation(trained, perspective):
    predictor, data, network = trained(f"perspective={perspective}")
    device, mirrors = torch.device("cpu"), predictor.mirrors
    expected = score_split(network, data, Split.TEST, device, mirrors)
    inputs = []
    for path in expected["path"]:
        parts = {Path(part).stem.split("_")[1]: part for part in path.split(";")}
        looked = {
            camera: predictor.view.look(read_image(data.root / part), camera).image
            for camera, part in parts.items()
        }
        inputs.append(predictor.view.compose(looked))
    found = predictor.probabilities(inputs)
    assert found == pytest.approx(expected["probability"].to_numpy(), abs=1e-5)
    assert len(set(found.round(6))) > 1


def test_files_and_arrays_get_the_same_probability(trained):
    predictor, data, _ = trained("perspective=side")
    files = [data.root / path for path in data.table["path"]]
    from_files = predictor.predict(files)
    assert len(from_files) == len(files)
    assert predictor.predict([read_image(file) for file in files]).tolist() == from_files.tolist()
    evaluated = predictor.probabilities([data.cache[row] for row in data.table["sha256"]])
    assert from_files == pytest.approx(evaluated, abs=1e-6)


@pytest.mark.parametrize(
    ("perspective", "camera", "said"),
    [("both", None, "no camera was given, and the model knows top, side"),
     ("side", "top", "camera=top was given, and the model knows side"),
     ("pair", "side", "takes both images of a package")],
)  # fmt: skip
def test_a_camera_that_is_not_clear_is_refused(trained, perspective, camera, said):
    predictor, *_ = trained(f"perspective={perspective}")
    with pytest.raises(UserError, match=said):
        predictor.predict([np.zeros((96, 128, 3), np.uint8)], camera)


def test_a_missing_camera_of_a_pair_is_black(trained):
    predictor, *_ = trained("perspective=pair")
    seen = np.full((48, 64, 3), 50, np.uint8)
    top, side = (predictor.view.compose({camera: seen}) for camera in ("top", "side"))
    assert (top[:, :64] == 50).all()
    assert (top[:, 64:] == 0).all()
    assert (side[:, :64] == 0).all()
    assert (side[:, 64:] == 50).all()
