"""What validation looked like is measured from verdicts and survives JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from packsight.imaging.window import Window
from packsight.line.profile import profile, usual
from packsight.line.reference import Reference, measures
from packsight.line.verdict import ImageSeen, Verdict

FOUND = ImageSeen(
    "top", "a.png", "", 0.25, "auto", Window(480, 135, 96, 54, 5), (540, 960), 99.0, 12.0
)
NOT_FOUND = ImageSeen(
    "top", "b.png", "", 0.5, "frame", Window(480, 270, 960, 540), (540, 960), 20.0, 2.0
)
LOST = ImageSeen("side", "b_side.png", "cannot be decoded")
VERDICTS = [
    Verdict("a", "accept", "score", 0.25, 0.1, "top", (FOUND,)),
    Verdict("b", "inspect", "not_located", 0.5, 0.3, "top", (NOT_FOUND, LOST)),
    Verdict("c", "inspect", "no_score", None, None, "", ()),
]


def test_signals_are_measured_of_each_camera():
    reference = Reference.measure(VERDICTS, {"a": False, "b": True}, 0.02)
    assert set(reference.cameras) == {"top"}  # the other one's only image cannot be read
    top = reference.cameras["top"]
    assert (top.brightness, top.sharpness) == ((99.0, 20.0), (12.0, 2.0))
    assert (top.intact, top.damaged) == ((0.25,), (0.5,))
    assert (top.images, top.located) == (2, 0.5)
    assert (reference.intact, reference.damaged) == ((0.25,), (0.5,))
    assert (reference.packages, reference.share) == (3, 0.02)
    assert reference.decided == {
        "intact": {"accept": 1, "reject": 0, "inspect": 0},
        "damaged": {"accept": 0, "reject": 0, "inspect": 1},
    }


def test_windows_are_shares_of_the_frame_and_of_located_packages_alone():
    told = measures(FOUND)
    assert [told[name] for name in ("x", "y", "width", "height", "angle")] == pytest.approx(
        [0.5, 0.25, 0.1, 0.1, 5]
    )
    assert set(measures(NOT_FOUND)) == {"score", "brightness", "sharpness"}
    assert measures(LOST) == {}
    assert Reference.measure(VERDICTS).cameras["top"].x == (0.5,)


def test_a_reference_comes_back_from_json():
    for verdicts in (VERDICTS, []):
        reference = Reference.measure(verdicts, {"a": False, "b": True}, 0.02)
        assert Reference.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference


def test_what_stands_still_is_compared_with_all_other_images():
    """An image would agree too well with a median of its own."""
    draw = np.random.default_rng(0)
    profiles = [profile(draw.integers(0, 255, (540, 960)).astype(np.uint8)) for _ in range(12)]
    images = [replace(FOUND, profile=one) for one in profiles]
    top = Reference.measure(replace(VERDICTS[0], images=(one,)) for one in images).cameras["top"]
    assert top.profile == usual(profiles)
    assert len(top.rows) == len(top.columns) == 12
    own = [measures(image, top.profile)["rows"] for image in images]
    assert np.mean(own) > np.mean(top.rows) + 0.1


def test_a_reference_of_an_older_version_has_no_labels():
    held = json.loads(json.dumps(Reference.measure(VERDICTS).to_dict()))
    for values in (held, held["cameras"]["top"]):
        values |= {"score": [0.25, 0.5]}
        del values["intact"], values["damaged"]
    del held["decided"], held["share"]
    assert Reference.from_dict(held | {"decisions": {"accept": 1.0}}) == Reference.measure(VERDICTS)
