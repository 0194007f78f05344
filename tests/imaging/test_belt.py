"""A belt of texture, a package of any colour on it, and nothing told of either."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from packsight.data.crops import crop_windows
from packsight.domain import parse_boxes
from packsight.errors import UserError
from packsight.imaging import belt_arrays, belt_file
from packsight.imaging.belt import BeltModel, Place, describe
from packsight.imaging.belt_fit import FEWEST, fit_belt, locate_packages
from packsight.pipeline.parts import part
from packsight.preparation.manifest import read_manifest
from packsight.preparation.prepare import prepare
from packsight.preparation.prepared import SUMMARY
from packsight.preparation.splits import SplitSettings
from packsight.system.files import read_json

WHITE, GREEN, BROWN = (225, 225, 230), (40, 200, 140), (150, 110, 70)
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


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
        assert xmin <= corners[:, 0].min()
        assert ymin <= corners[:, 1].min()
        assert xmax >= corners[:, 0].max()
        assert ymax >= corners[:, 1].max()
        assert (xmax - xmin) * (ymax - ymin) < 0.35 * 270 * 480


@pytest.mark.parametrize("colour", [WHITE, GREEN, BROWN])
def test_the_outline_lies_as_the_package_does(colour):
    model = model_of(colour)
    for number in range(12):
        found = model.locate(frame_with(number, colour))
        assert found is not None
        (x, y), (width, height), angle = rectangle(number)
        assert found.upright[:2] == pytest.approx((x, y), abs=4)
        assert found.upright[2:4] == pytest.approx((width, height), abs=14)
        assert found.upright[4] == pytest.approx(angle, abs=3)


def test_a_package_of_a_colour_that_was_never_seen_is_found():
    model = model_of(WHITE)
    for colour in (GREEN, BROWN, (30, 60, 200)):
        found = model.locate(frame_with(30, colour))
        assert found is not None
        assert found.upright[:2] == pytest.approx(rectangle(30)[0], abs=4)


@pytest.mark.parametrize("centre", [(10, 140), (470, 140), (240, 10), (240, 262)])
def test_a_package_that_the_frames_edge_cuts_is_held_up_to_the_edge(centre):
    found = model_of(GREEN).locate(frame_with(50, GREEN, (centre, (120, 60), 0)))
    assert found is not None
    xmin, ymin, xmax, ymax = found.box
    assert xmin <= max(centre[0] - 60, 0)
    assert ymin <= max(centre[1] - 30, 0)
    assert xmax >= min(centre[0] + 60, 480)
    assert ymax >= min(centre[1] + 30, 270)


def test_a_package_that_is_larger_in_pixels_is_found_where_it_is():
    model = model_of(WHITE)
    frame = cv2.resize(frame_with(3, WHITE), (960, 540), interpolation=cv2.INTER_CUBIC)
    small, large = model.locate(frame_with(3, WHITE)), model.locate(frame)
    assert small is not None
    assert large is not None
    assert np.array(large.box) == pytest.approx(2 * np.array(small.box), abs=12)


def test_an_empty_belt_has_no_package_away_from_the_frames_edges():
    model = model_of(WHITE)
    found = [place for number in range(90, 110) if (place := model.locate(belt(number)))]
    assert len(found) < 10
    assert all(place.box[2] <= 16 or place.box[0] >= 480 - 16 for place in found)


@pytest.mark.xfail(strict=True, reason="strips along the frame's left and right edge are found")
def test_an_empty_belt_has_no_package():
    model = model_of(WHITE)
    assert [model.locate(belt(number)) for number in range(90, 110)] == [None] * 20


def test_frames_give_the_same_model_every_time():
    first, second = model_of(GREEN, 8), model_of(GREEN, 8)
    assert np.array_equal(first.words, second.words)
    assert (first.grow, first.seed) == (second.grow, second.seed)


def test_models_travel_in_files_and_checkpoints(tmp_path):
    belts = {"top": model_of(WHITE, 8)}
    frame = frame_with(4, WHITE)
    belt_file.save_belts(belts, tmp_path)
    arrays = belt_arrays.pack_belts(belts)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    for copy in (belt_file.load_belts(tmp_path), belt_arrays.unpack_belts(tensors)):
        assert copy["top"].locate(frame) == belts["top"].locate(frame)


DAMAGES = {
    "no file": None,
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[: len(raw) // 2],
    "a bit": lambda raw: raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:],
    "zeroed": lambda raw: raw[:1000] + bytes(4096) + raw[5096:],
    "no file of ours": lambda raw: b"no belt" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, damage):
    belt_file.save_belts({"top": model_of(WHITE, 8)}, tmp_path)
    file = tmp_path / belt_file.NAME
    file.write_bytes(damage(file.read_bytes())) if damage else file.unlink()
    with pytest.raises(UserError, match=r"belt\.safetensors .*prepare the images again"):
        belt_file.load_belts(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"top.words": np.zeros((27, 32, 7), np.float32)},
        {"top.scale": np.full(27, np.nan, np.float32)},
        {"top.limits": np.array([1, np.inf], np.float32)},
        {"top.colour": np.zeros(2, np.float32)},
        {"side.words": np.zeros((27, 32, 8), np.float32)},
        {"words": np.zeros((27, 32, 8), np.float32)},
    ],
)
def test_arrays_that_are_no_belt_are_refused(damage):
    arrays = belt_arrays.pack_belts({"top": model_of(WHITE, 8)})
    assert belt_arrays.unpack_belts(arrays)
    with pytest.raises((ValueError, KeyError)):
        belt_arrays.unpack_belts(arrays | damage)


def test_too_few_frames_give_no_model_and_no_place():
    frames = [frame_with(number, WHITE) for number in range(FEWEST)]
    few = list(range(FEWEST - 1))
    belts, places = locate_packages(frames.__getitem__, {"top": few, "side": []})
    assert belts == {}
    assert places == dict.fromkeys(few)
    belts, places = locate_packages(frames.__getitem__, {"top": [*few, FEWEST - 1]})
    assert set(belts) == {"top"}
    assert None not in places.values()


def test_every_camera_has_a_model_of_its_own():
    frames = [frame_with(number, WHITE) for number in range(10)]
    frames += [cv2.flip(frame, 0) for frame in frames]
    rows = {"top": list(range(10)), "side": list(range(10, 20))}
    belts, places = locate_packages(frames.__getitem__, rows)
    assert set(belts) == {"top", "side"}
    assert all(isinstance(place, Place) for place in places.values())


def test_prepared_sample_packages_are_whole_in_what_a_model_sees(sample, tmp_path, config):
    """The masks are the renderer's own. What a side box cuts off, the margin restores."""
    folder = prepare(sample, tmp_path / "data")
    table = read_manifest(folder)
    assert (table["crop_source"] == "auto").all()
    least = {"top": 0.99, "side": 0.97}
    for camera, rows in table.groupby("perspective"):
        cfg = config("train", f"perspective={camera}")
        size = tuple(cfg.crop.image_size)
        windows = crop_windows(rows, part(cfg, "datamodule.crop")(), size)
        for row, window in zip(rows.itertuples(), windows, strict=True):
            mask = cv2.imread(str(folder / str(row.mask)), cv2.IMREAD_GRAYSCALE) > 0
            [(xmin, ymin, xmax, ymax)] = parse_boxes(str(row.crop))
            assert mask[ymin:ymax, xmin:xmax].sum() >= least[camera] * mask.sum()
            pixels = np.argwhere(mask)[:, ::-1]
            x, y = window.matrix(size) @ np.vstack([pixels.T, np.ones(len(pixels))])
            inside = (x >= -0.5) & (x < size[1]) & (y >= -0.5) & (y < size[0])
            assert inside.mean() >= 0.99
    assert read_json(folder / SUMMARY)["not_located"] == {"top": [], "side": []}
    for name in ("belt.safetensors", "crops_top.png", "crops_side.png"):
        assert (folder / name).stat().st_size > 0


@pytest.mark.real
def test_every_real_package_is_located_or_counted_as_not(tmp_path):
    archive = SHARED / "raw-data-png-sample.zip"
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    folder = prepare(archive, tmp_path / "data", SplitSettings(folds=2))
    table = read_manifest(folder)
    assert table.groupby("perspective").size().to_dict() == {"side": 8, "top": 8}
    assert set(table["crop_source"]) <= {"auto", "frame"}
    fallen_back = table[table["crop_source"] == "frame"]
    assert set(fallen_back["crop"]) <= {"0 0 960 540"}
    for camera, serials in read_json(folder / SUMMARY)["not_located"].items():
        rows = fallen_back[fallen_back["perspective"] == camera]
        assert serials == sorted(rows["serial"])
