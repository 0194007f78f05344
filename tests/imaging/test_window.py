import cv2
import numpy as np
import pandas as pd
import pytest

from packsight.data.crops import crop_windows
from packsight.errors import UserError
from packsight.imaging.crop import Crop
from packsight.imaging.window import Window, box_window, frame_window, upright_window

FRAME = (540, 960)


def table(**changes: object) -> pd.DataFrame:
    row = {
        "label": "intact", "perspective": "top", "width": 960, "height": 540,
        "package_box": "", "crop": "400 200 600 300", "upright": "500.0 250.0 180.0 90.0 10.0",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def crop(name: str, upright: tuple[str, ...] = ()) -> Crop:
    return Crop(name, 0.1, upright)


def test_a_window_has_the_margin_and_the_shape_of_the_input():
    window = box_window((400, 200, 600, 300), FRAME, margin=0.1, size=(100, 100))
    assert window == Window(500, 250, 240, 240)
    assert box_window((400, 200, 600, 300), FRAME, 0.0, (100, 200)) == Window(500, 250, 200, 100)


@pytest.mark.parametrize(
    "box", [(0, 0, 100, 50), (900, 500, 960, 540), (0, 0, 960, 540), (0, 200, 960, 240)]
)
def test_a_window_lies_inside_the_frame_and_holds_the_box(box):
    window = box_window(box, FRAME, margin=0.2, size=(240, 320))
    left, top = window.x - window.width / 2, window.y - window.height / 2
    assert left >= 0
    assert top >= 0
    assert left + window.width <= 960
    assert top + window.height <= 540
    assert left <= box[0]
    assert top <= box[1]
    assert left + window.width >= box[2]
    assert top + window.height >= box[3]


@pytest.mark.parametrize("angle", [-40.0, -5.0, 20.0, 75.0])
def test_an_upright_window_turns_the_package_to_lie_level(angle):
    frame = np.zeros((*FRAME, 3), np.uint8)
    corners = cv2.boxPoints(((480, 270), (200, 80), angle))
    cv2.fillPoly(frame, [np.rint(corners).astype(int)], (255, 255, 255))
    window = upright_window((480, 270, 200, 80, angle), margin=0.1, size=(120, 240))
    rows, columns = np.nonzero(window.cut(frame, (120, 240))[..., 0] > 127)
    assert rows.max() - rows.min() == pytest.approx(80, abs=3)
    assert columns.max() - columns.min() == pytest.approx(200, abs=3)
    assert (rows.mean(), columns.mean()) == pytest.approx((59.5, 119.5), abs=2)


def test_the_matrix_maps_the_windows_corners_to_the_inputs():
    window = Window(480, 270, 200, 80, 30.0)
    corners = cv2.boxPoints(((480, 270), (200, 80), 30.0))
    placed = window.matrix((40, 100)) @ np.vstack([corners.T, np.ones(4)])
    expected = {(0, 0), (100, 0), (0, 40), (100, 40)}
    assert {(round(x), round(y)) for x, y in placed.T} == expected


@pytest.mark.parametrize("angle", [-35.0, 0.0, 12.5])
def test_an_outlines_corners_lie_in_the_input_a_margin_from_its_edge(angle):
    window = upright_window((480, 270, 200, 80, angle), margin=0.1, size=(100, 240))
    corners = cv2.boxPoints(((480, 270), (200, 80), angle))
    x, y = window.matrix((100, 240)) @ np.vstack([corners.T, np.ones(4)])
    # 200 × 80 with 20 on each side is 240 × 120, which the input's shape widens to 288 × 120.
    assert sorted(x) == pytest.approx([36.67, 36.67, 203.33, 203.33], abs=0.1)
    assert sorted(y) == pytest.approx([16.67, 16.67, 83.33, 83.33], abs=0.1)


@pytest.mark.parametrize("angle", [0.0, 15.0])
def test_what_lies_outside_the_frame_repeats_its_edge(angle):
    frame = np.full((50, 60, 3), 90, np.uint8)
    assert (Window(0, 0, 40, 40, angle).cut(frame, (20, 20)) == 90).all()


def test_shrinking_averages_pixels():
    stripes = np.zeros((4, 4, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (frame_window((4, 4)).cut(stripes, (2, 2)) == 100).all()


def test_the_crop_that_is_asked_for_decides():
    given = table(package_box="10 20 110 70")
    size = (100, 200)
    assert crop_windows(given, crop("none"), size) == [Window(480, 270, 960, 540)]
    [located] = crop_windows(given, crop("auto"), size)
    assert (located.x, located.y, located.angle) == (500, 250, 0)
    [turned] = crop_windows(given, crop("auto", ("top",)), size)
    assert (turned.x, turned.y, turned.angle) == (500, 250, 10)
    [boxed] = crop_windows(given, crop("boxes", ("top",)), size)
    assert (boxed.x, boxed.y, boxed.angle) == (70, 45, 0)  # moved into the frame


def test_a_package_that_was_not_found_has_the_whole_frame():
    missed = table(crop="0 0 960 540", crop_source="frame", upright="")
    for size in ((100, 200), (200, 200)):
        windows = crop_windows(missed, crop("auto", ("top",)), size)
        assert windows == crop_windows(missed, crop("none"), size)


def test_boxes_that_some_images_lack_are_refused_because_they_would_tell_the_label():
    mixed = pd.concat([table(package_box="1 2 30 40"), table(label="damaged")])
    with pytest.raises(UserError, match="1 damaged images have none"):
        crop_windows(mixed, crop("boxes"), (10, 10))


def test_damage_boxes_never_crop():
    plain = crop_windows(table(), crop("auto"), (10, 10))
    assert crop_windows(table(damage_boxes="1 2 3 4"), crop("auto"), (10, 10)) == plain


def test_an_unknown_crop_is_refused():
    with pytest.raises(UserError, match="auto, boxes, none"):
        crop_windows(table(), crop("tight"), (10, 10))
