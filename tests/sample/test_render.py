"""The rendered sample: deterministic, in the real layout, and true to its own masks and boxes."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from packsight.errors import UserError
from packsight.sample.render import render_sample

PACKAGES = 6


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    render_sample(folder, packages=PACKAGES, seed=0, workers=2)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def images(folder: Path, label: str = "*", perspective: str = "*") -> list[Path]:
    return sorted(folder.glob(f"{label}/{perspective}/*.jpg"))


def objects(image: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Name and box of every object in the Pascal VOC file beside an image."""
    root = ElementTree.parse(image.with_suffix(".xml")).getroot()
    assert root.findtext("filename") == image.name
    assert [root.findtext(f"size/{tag}") for tag in ("width", "height", "depth")] == [
        "960",
        "540",
        "3",
    ]
    corners = ("xmin", "ymin", "xmax", "ymax")
    return [
        (item.findtext("name"), tuple(int(item.findtext(f"bndbox/{tag}")) for tag in corners))
        for item in root.iter("object")
    ]


def mask_of(folder: Path, image: Path) -> np.ndarray:
    path = (folder / "masks" / image.relative_to(folder)).with_suffix(".png")
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def damaged_boxes(folder: Path) -> Iterator[tuple[Path, tuple[int, ...]]]:
    for image in images(folder, "damaged"):
        for _, box in objects(image):
            yield image, box


def test_same_seed_gives_the_same_bytes_for_any_number_of_workers(
    sample: Path, tmp_path: Path
) -> None:
    render_sample(tmp_path, packages=PACKAGES, seed=0, workers=1)
    assert contents(tmp_path) == contents(sample)


def test_a_package_does_not_depend_on_how_many_are_rendered(sample: Path, tmp_path: Path) -> None:
    render_sample(tmp_path, packages=2, seed=0)
    few = contents(tmp_path)
    assert few.items() <= contents(sample).items()


def test_another_seed_gives_other_packages(sample: Path, tmp_path: Path) -> None:
    render_sample(tmp_path, packages=2, seed=1)
    assert contents(tmp_path).keys().isdisjoint(contents(sample))


def test_layout_has_both_perspectives_of_every_package_and_half_are_damaged(sample: Path) -> None:
    serials = {}
    for label in ("damaged", "intact"):
        for perspective in ("top", "side"):
            found = images(sample, label, perspective)
            serials[label, perspective] = {
                path.stem.removesuffix(f"_{perspective}") for path in found
            }
            assert len(found) == PACKAGES // 2
        assert serials[label, "top"] == serials[label, "side"]
    assert serials["damaged", "top"].isdisjoint(serials["intact", "top"])
    assert all(len(serial) == 13 and serial.isdigit() for serial in serials["intact", "top"])
    # An image, its annotation and its mask, and nothing else.
    assert len(contents(sample)) == PACKAGES * 2 * 3


def test_images_are_960_by_540_in_colour_and_differ(sample: Path) -> None:
    pictures = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in images(sample)]
    assert {picture.shape for picture in pictures} == {(540, 960, 3)}
    assert all(picture.std() > 20 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == PACKAGES * 2


def test_masks_are_binary_and_cover_one_whole_package(sample: Path) -> None:
    for image in images(sample):
        mask = mask_of(sample, image)
        assert mask.shape == (540, 960)
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert cv2.connectedComponents(mask)[0] == 2
        # About 260 by 140 pixels from above and 250 by 250 from the side, never cut by the frame.
        assert 20_000 < np.count_nonzero(mask) < 80_000
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()


def test_the_mask_lies_on_the_package_which_alone_has_colour(sample: Path) -> None:
    for image in images(sample):
        mask = cv2.dilate(mask_of(sample, image), np.ones((3, 3)))
        saturation = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2HSV)[..., 1]
        coloured = (saturation > 130) & (cv2.imread(str(image), cv2.IMREAD_GRAYSCALE) > 60)
        assert coloured.sum() > 2000
        assert not coloured[mask == 0].any()


def test_an_intact_package_has_one_box_and_it_is_the_masks(sample: Path) -> None:
    for image in images(sample, "intact"):
        x, y, width, height = cv2.boundingRect(mask_of(sample, image))
        assert objects(image) == [("intact", (x, y, x + width, y + height))]


def test_damage_boxes_lie_in_the_frame_and_inside_the_packages_box(sample: Path) -> None:
    for image, (xmin, ymin, xmax, ymax) in damaged_boxes(sample):
        x, y, width, height = cv2.boundingRect(mask_of(sample, image))
        assert 0 <= x <= xmin < xmax <= x + width <= 960
        assert 0 <= y <= ymin < ymax <= y + height <= 540
        assert mask_of(sample, image)[ymin:ymax, xmin:xmax].any()


def test_the_side_camera_sees_every_damage_and_no_image_has_two_boxes(sample: Path) -> None:
    for image in images(sample, "damaged"):
        names = [name for name, _ in objects(image)]
        assert names == ["damage"] or (image.parent.name == "top" and names == [])


def test_damage_is_where_the_box_says(sample: Path, tmp_path: Path) -> None:
    """Without the depth of the dents, the image differs around the box and is equal elsewhere."""
    render_sample(tmp_path, packages=2, seed=0, damage_scale=1e-6)
    (with_dents,) = (
        p for p in images(sample, "damaged", "side") if (tmp_path / p.relative_to(sample)).exists()
    )
    flat = cv2.imread(str(tmp_path / with_dents.relative_to(sample)), cv2.IMREAD_GRAYSCALE)
    dented = cv2.imread(str(with_dents), cv2.IMREAD_GRAYSCALE)
    changed = cv2.absdiff(flat, dented) > 30
    ((_, (xmin, ymin, xmax, ymax)),) = objects(with_dents)
    inside = changed[ymin:ymax, xmin:xmax].sum()
    assert inside > 200
    assert inside > 0.8 * changed.sum()


@pytest.mark.parametrize("wrong", [{"packages": 0}, {"damage_scale": 0.0}])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=str(next(iter(wrong.values())))):
        render_sample(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())
