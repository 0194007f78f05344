"""The images of a burst in their order."""

from packsight.preparation.bursts import count_bursts, shots_of
from packsight.preparation.layout import Candidate


def image(path: str, camera: str = "top", shot: int = 0) -> Candidate:
    return Candidate(path, "1", camera, "intact", "", shot=shot)


def test_a_burst_is_ordered_by_its_numbers_then_by_path_as_people_count():
    images = [image("z.png", shot=1), image("f10.png"), image("f9.png"), image("a.png", shot=2)]
    shots = shots_of([*images, image("s.png", "side", shot=7)])
    assert shots == {"f9.png": 0, "f10.png": 1, "z.png": 2, "a.png": 3, "s.png": 0}
    assert shots_of(reversed([*images, image("s.png", "side", shot=7)])) == shots


def test_paths_that_begin_with_a_number_and_those_that_do_not_are_ordered():
    assert shots_of([image("a.png"), image("1.png"), image("-2.png")]) == {
        "1.png": 0,
        "-2.png": 1,
        "a.png": 2,
    }


def test_packages_with_several_images_of_a_camera_are_counted():
    images = [("1", "top"), ("1", "side"), ("2", "top"), ("2", "top"), ("2", "top"), ("3", "top")]
    assert count_bursts(images) == (1, 3)
    assert count_bursts([]) == (0, 0)
