from pathlib import Path

from packsight.arrival.arrivals import Arrived
from packsight.arrival.pairing import Image, Pairing
from packsight.preparation.layout import Name


def image(serial: str, camera: str, content: str) -> Image:
    path = Path(f"{serial}_{camera}_{content}.png")
    return Image(Arrived(path, path.name, Name(serial, camera), 1, 1, 1), serial, camera, content)


def nothing(serial: str, camera: str) -> bool:
    return False


def test_two_cameras_make_a_package_whichever_comes_first():
    pairing = Pairing(["top", "side"], wait=10)
    assert pairing.add(image("1", "side", "a"), 0) is None
    assert pairing.add(image("2", "top", "b"), 0) is None
    package = pairing.add(image("1", "top", "c"), 1)
    assert package is not None
    assert {camera: found.sha256 for camera, found in package.images.items()} == {
        "side": "a",
        "top": "c",
    }
    assert not pairing.has("1")
    assert pairing.has("2")


def test_one_camera_alone_is_overdue_unless_the_other_is_coming():
    pairing = Pairing(["top", "side"], wait=10)
    pairing.add(image("1", "top", "a"), 0)
    assert not [*pairing.overdue(9.9, nothing)]
    assert not [*pairing.overdue(20, lambda serial, camera: (serial, camera) == ("1", "side"))]
    [package] = pairing.overdue(20, nothing)
    assert [*package.images] == ["top"]
    assert not [*pairing.overdue(30, nothing)]


def test_a_line_with_one_camera_waits_for_nobody():
    assert Pairing(["top"], wait=10).add(image("1", "top", "a"), 0)


def test_the_same_content_is_a_copy_and_other_content_another_package():
    pairing = Pairing(["top", "side"], wait=10)
    pairing.add(image("1", "top", "a"), 0)
    pairing.add(image("1", "top", "a"), 1)
    pairing.add(image("1", "top", "b"), 2)
    first = pairing.add(image("1", "side", "c"), 3)
    assert first is not None
    assert first.images["top"].sha256 == "a"
    assert len(first.copies) == 1
    second = pairing.add(image("1", "side", "d"), 4)
    assert second is not None
    assert second.images["top"].sha256 == "b"
