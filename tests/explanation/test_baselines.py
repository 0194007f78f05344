"""Baselines and regions, in the window that the model saw."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.data.datamodule import PackageDataModule
from packsight.errors import UserError
from packsight.explanation.baselines import (
    Baseline,
    Baselines,
    baseline_image,
    empty_belt,
    parse_baselines,
)
from packsight.explanation.regions import regions_of
from packsight.pipeline.parts import part
from packsight.preparation.manifest import COLUMNS, write_manifest
from packsight.system.files import sha256

SIZE = (54, 96)
BELT, PACKAGE = (60, 90, 120), (230, 230, 230)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    """A belt with a bright edge on the left, and a package that lies elsewhere in each frame."""
    folder = tmp_path_factory.mktemp("belt")
    rows = []
    for number in range(12):
        split = "train" if number < 10 else "test"
        for camera in ("top", "side"):
            light = 0.8 + 0.04 * number
            frame = np.full((270, 480, 3), BELT, np.float32)
            frame[:, :40] = 160
            left, top = 60 + 30 * (number % 10), 40 + 60 * (number % 3)
            frame[top : top + 60, left : left + 90] = PACKAGE
            if split == "test":  # what must never reach the empty belt
                frame[200:, 300:] = (255, 0, 0)
            path = f"{number}_{camera}.png"
            shown = np.clip(frame * light, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / path), shown[..., ::-1])
            damage = f"{left} {top} {left + 45} {top + 60}"
            row = {"serial": str(number), "perspective": camera, "path": path,
                   "sha256": sha256(folder / path), "label": "damaged" if number % 2 else "intact",
                   "width": 480, "height": 270,
                   "split": split, "crop": f"{left} {top} {left + 90} {top + 60}",
                   "damage_boxes": damage if number % 2 else ""}  # fmt: skip
            rows.append(dict.fromkeys(COLUMNS, "") | row)
    write_manifest(pd.DataFrame(rows), folder)
    return folder


@pytest.fixture
def data(frames, config, tmp_path):
    def build(*overrides: str) -> PackageDataModule:
        cfg = config("train", "data.on_device=false", *overrides)
        make = part(cfg, "datamodule")
        return make(source=frames, image_size=SIZE, cache_folder=tmp_path)

    return build


def test_baselines_of_one_image():
    image = torch.zeros(1, 3, 64, 64)
    image[..., 32:] = torch.tensor([0.2, 0.4, 0.8]).view(3, 1, 1)
    assert not baseline_image(image, Baseline.BLACK).any()
    mean = baseline_image(image, Baseline.MEAN)
    torch.testing.assert_close(mean[0, :, 5, 60], torch.tensor([0.1, 0.2, 0.4]))
    blurred = baseline_image(image, Baseline.BLUR)
    assert blurred.shape == image.shape
    assert blurred.diff(dim=3).abs().max() < 0.2 * image.diff(dim=3).abs().max()
    torch.testing.assert_close(blurred.mean(), image.mean(), rtol=0.01, atol=0)


def test_an_unknown_baseline_is_refused_with_the_choices():
    assert parse_baselines(["blur", "black"]) == [Baseline.BLUR, Baseline.BLACK]
    with pytest.raises(UserError, match=r"white is unknown; use some of black, mean, blur, empty"):
        parse_baselines(["white"])
    with pytest.raises(UserError, match="empty; use some of"):
        parse_baselines([])


def test_the_empty_belt_has_no_package_and_is_of_training_images_alone(data):
    belt = empty_belt(data("perspective=side", "crop=none"), "side").astype(int)
    assert belt.shape == (270, 480, 3)
    assert np.ptp(belt[:, 60:, 0]) <= 8  # neither packages nor the red of the test images
    assert belt[:, 60:, 0].mean() / belt[:, 60:, 2].mean() == pytest.approx(60 / 120, rel=0.05)
    assert belt[:, :38].mean() > belt[:, 60:].mean() + 30  # the edge that every frame shows


@pytest.mark.parametrize("crop", ["none", "auto"])
def test_the_empty_belt_is_in_the_window_and_the_light_of_its_image(data, crop):
    module = data("perspective=side", f"crop={crop}")
    path = "10_side.png"
    image = module.images([path])[0].float() / 255
    [belt] = Baselines(module, ["empty_belt"]).of(image, path)
    package = regions_of(module, path).package
    assert package is not None
    outside = torch.from_numpy(~cv2.dilate(package.astype(np.uint8), np.ones((5, 5))).astype(bool))
    outside &= ~((image[0] > 0.7) & (image[1] < 0.2))  # the red
    assert (image - belt).abs()[:, outside].median() < 0.03
    assert (image - belt)[:, torch.from_numpy(package)].mean() > 0.3


def test_a_pair_has_a_belt_for_each_camera_and_black_for_a_missing_image(data):
    module = data("perspective=pair", "crop=none")
    baselines = Baselines(module, ["empty_belt", "black"])
    paths = "10_top.png;10_side.png", ";10_side.png"
    both, side = (baselines.of(module.images([path])[0].float() / 255, path) for path in paths)
    assert both.shape == (2, 3, SIZE[0], 2 * SIZE[1])
    assert not both[1].any()
    assert both[0].min() > 0
    assert not side[0][..., : SIZE[1]].any()
    assert torch.equal(side[0][..., SIZE[1] :], both[0][..., SIZE[1] :])


def test_too_few_frames_for_a_belt_get_a_sentence(data):
    module = data("perspective=side", "crop=none")
    module.table.loc[module.table.index[4:], "crop"] = ""
    with pytest.raises(UserError, match="needs 8 training images of the side camera"):
        Baselines(module, ["empty_belt"])


def test_regions_are_where_the_window_puts_them(data):
    whole = regions_of(data("perspective=side", "crop=none"), "11_side.png")
    assert whole.package.mean() == pytest.approx(90 * 60 / (480 * 270), rel=0.1)
    assert whole.damage.mean() == pytest.approx(whole.package.mean() / 2, rel=0.1)
    assert (whole.belt == ~whole.package).all()
    cropped = regions_of(data("perspective=side", "crop=auto"), "11_side.png")
    assert cropped.package.mean() > 0.6
    intact = regions_of(data("perspective=side", "crop=none"), "10_side.png")
    assert intact.damage is None


def test_the_half_of_a_missing_image_is_no_region(data):
    found = regions_of(data("perspective=pair", "crop=none"), ";11_side.png")
    assert found.belt.shape == (SIZE[0], 2 * SIZE[1])
    assert not (found.belt | found.package | found.damage)[:, : SIZE[1]].any()
    assert (found.belt ^ found.package)[:, SIZE[1] :].all()


def test_a_mask_is_preferred_to_where_the_package_was_located(data, frames):
    module = data("perspective=side", "crop=none")
    mask = np.zeros((270, 480), np.uint8)
    mask[:135] = 255
    cv2.imwrite(str(frames / "mask.png"), mask)
    module.table.loc[module.table["path"] == "11_side.png", "mask"] = "mask.png"
    assert regions_of(module, "11_side.png").package.mean() == pytest.approx(0.5, abs=0.02)
