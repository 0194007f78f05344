"""Which mask is which image's, also of bursts."""

from packsight.preparation.layout import Candidate, Rejected, stem
from packsight.preparation.masks import masks_of


def image(path: str, serial: str = "1") -> Candidate:
    return Candidate(path, serial, "top", "damaged", "")


def of(*masks: tuple[str, str], serial: str = "1") -> dict[tuple[str, str, str, str], str]:
    return {("damaged", "top", serial, stem(place)): path for path, place in masks}


def test_a_mask_in_another_tree_is_the_only_images():
    masks = of(("masks/x.png", "x.png"), ("masks/y.png", "y.png"))
    found, rejected = masks_of([image("images/1_top.png")], masks)
    assert found == {"images/1_top.png": "masks/x.png"}
    [second] = rejected
    assert second == Rejected("masks/y.png", "second mask of one image", "the first is masks/x.png")


def test_each_image_of_a_burst_has_the_mask_of_its_path_or_of_its_name():
    images = [image("a/1_top.png"), image("b/1_top.png"), image("1_top_2.png")]
    masks = of(("masks/1_top_2.png", "1_top_2.png"), ("b/masks/1_top.png", "b/1_top.png"),
               ("masks/other.png", "other.png"))  # fmt: skip
    found, rejected = masks_of(images, masks)
    assert found == {"b/1_top.png": "b/masks/1_top.png", "1_top_2.png": "masks/1_top_2.png"}
    assert rejected == [Rejected("masks/other.png", "mask without an image")]


def test_a_mask_of_no_image_is_told():
    found, rejected = masks_of([image("a.png")], of(("masks/a.png", "a.png"), serial="2"))
    assert found == {}
    assert rejected == [Rejected("masks/a.png", "mask without an image")]
