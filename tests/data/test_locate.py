"""A belt of texture, a package of any colour on it, and nothing told of either."""

import cv2
import numpy as np
import pytest
import torch

from packsight.data import locate
from packsight.data.locate import BeltModel, Place, describe, fit_belt, locate_packages
from packsight.data.manifest import read_manifest
from packsight.data.prepare import prepare
from packsight.data.prepared import SUMMARY
from packsight.files import read_json

WHITE, GREEN, BROWN = (225, 225, 230), (40, 200, 140), (150, 110, 70)


def belt(number: int) -> np.ndarray:
    """Grey bars that move, with gaps and noise: uint8 [270, 480, 3]."""
    rng = np.random.default_rng(number)
    columns = (np.arange(480) + int(rng.integers(40))) % 40
    frame = np.where(columns < 34, 130, 40)[None, :, None] + rng.normal(0, 6, (270, 480, 1))
    frame[(np.arange(270) + int(rng.integers(30))) % 30 < 3] = 60
    return np.repeat(frame, 3, axis=2).clip(0, 255).astype(np.uint8)


def rectangle(number: int) -> tuple[tuple[float, float], tuple[float, float], float]:
    rng = np.random.default_rng([1, number])
    return (rng.uniform(110, 370), rng.uniform(80, 190)), (130.0, 60.0), rng.uniform(-20, 20)


def frame_with(number: int, colour: tuple[int, int, int], place=None) -> np.ndarray:
    frame = belt(number)
    corners = np.rint(cv2.boxPoints(place or rectangle(number))).astype(int)
    return cv2.fillPoly(frame, [corners], colour)


def model_of(colour: tuple[int, int, int], frames: int = 12) -> BeltModel:
    return fit_belt([describe(frame_with(number, colour)) for number in range(frames)])


@pytest.mark.parametrize("colour", [WHITE, GREEN, BROWN])
def test_the_box_holds_the_package_whatever_its_colour(colour):
    model = model_of(colour)
    for number in range(12):
        found = model.locate(frame_with(number, colour))
        assert found is not None
        corners = cv2.boxPoints(rectangle(number))
        xmin, ymin, xmax, ymax = found.box
        assert xmin <= corners[:, 0].min() + 2
        assert ymin <= corners[:, 1].min() + 2
        assert xmax >= corners[:, 0].max() - 2
        assert ymax >= corners[:, 1].max() - 2
        assert (xmax - xmin) * (ymax - ymin) < 0.35 * 270 * 480


def test_the_outline_lies_as_the_package_does():
    model = model_of(WHITE)
    for number in range(12):
        found = model.locate(frame_with(number, WHITE))
        assert found is not None
        (x, y), (width, height), angle = rectangle(number)
        assert found.upright[:2] == pytest.approx((x, y), abs=4)
        assert found.upright[2:4] == pytest.approx((width, height), abs=14)
        assert found.upright[4] == pytest.approx(angle, abs=3)


def test_a_package_at_the_frames_edge_is_found():
    model = model_of(GREEN)
    found = model.locate(frame_with(50, GREEN, ((10, 140), (120, 60), 0)))
    assert found is not None
    assert found.box[0] == 0
    assert found.box[2] >= 68


def test_a_package_that_is_larger_in_pixels_is_found_where_it_is():
    model = model_of(WHITE)
    frame = cv2.resize(frame_with(3, WHITE), (960, 540), interpolation=cv2.INTER_CUBIC)
    small, large = model.locate(frame_with(3, WHITE)), model.locate(frame)
    assert small is not None
    assert large is not None
    assert np.array(large.box) == pytest.approx(2 * np.array(small.box), abs=12)


def test_an_empty_belt_has_no_package():
    assert model_of(WHITE).locate(belt(99)) is None


def test_frames_give_the_same_model_every_time():
    first, second = model_of(GREEN, 8), model_of(GREEN, 8)
    assert np.array_equal(first.words, second.words)
    assert (first.grow, first.seed) == (second.grow, second.seed)


def test_models_travel_in_files_and_checkpoints(tmp_path):
    belts = {"top": model_of(WHITE, 8)}
    frame = frame_with(4, WHITE)
    locate.save_belts(belts, tmp_path)
    arrays = locate.pack_belts(belts)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    for copy in (locate.load_belts(tmp_path), locate.unpack_belts(tensors)):
        assert copy["top"].locate(frame) == belts["top"].locate(frame)


def test_too_few_frames_give_no_model_and_no_place():
    frames = [frame_with(number, WHITE) for number in range(3)]
    belts, places = locate_packages(frames.__getitem__, {"top": [0, 1, 2], "side": []})
    assert belts == {}
    assert places == {0: None, 1: None, 2: None}


def test_every_camera_has_a_model_of_its_own():
    frames = [frame_with(number, WHITE) for number in range(10)]
    frames += [cv2.flip(frame, 0) for frame in frames]
    rows = {"top": list(range(10)), "side": list(range(10, 20))}
    belts, places = locate_packages(frames.__getitem__, rows)
    assert set(belts) == {"top", "side"}
    assert all(isinstance(place, Place) for place in places.values())


def test_prepared_sample_packages_are_whole_in_their_boxes(sample, tmp_path, config):
    """The masks are the renderer's own."""
    folder = prepare(sample, tmp_path / "data", config("prepare").data)
    table = read_manifest(folder)
    assert (table["crop_source"] == "auto").all()
    for row in table.itertuples():
        mask = cv2.imread(str(folder / str(row.mask)), cv2.IMREAD_GRAYSCALE) > 0
        xmin, ymin, xmax, ymax = map(int, str(row.crop).split())
        assert mask[ymin:ymax, xmin:xmax].sum() >= 0.97 * mask.sum()
    assert read_json(folder / SUMMARY)["not_located"] == {"top": [], "side": []}
    for name in ("belt.safetensors", "crops_top.png", "crops_side.png"):
        assert (folder / name).stat().st_size > 0
