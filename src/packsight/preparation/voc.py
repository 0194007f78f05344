"""Boxes from Pascal VOC files; what a box means follows from the image's label."""

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from packsight.domain import Box

PACKAGE = "package"  # an object of this name boxes the whole package, whatever the label


class Boxes(NamedTuple):
    package: list[Box]  # at most one
    damage: list[Box]
    problems: list[str]


def read_boxes(path: Path, label: str, size: tuple[int, int]) -> Boxes:
    """The boxes of an image of this label and size (width, height), clipped to its frame.

    On an intact image they box the whole package; on a damaged one they box damage. What could
    not be used is told in `problems`.
    """
    raw = path.read_bytes()
    # Entities can blow a small file up; a NUL means UTF-16, where this search would miss them.
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\0" in raw:
        return Boxes([], [], ["document types, entities and UTF-16 are refused"])
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        return Boxes([], [], [f"not well-formed ({error})"])
    annotated = root.findtext("size/width"), root.findtext("size/height")
    if all(annotated) and annotated != (str(size[0]), str(size[1])):
        return Boxes(
            [], [], [f"made for {annotated[0]}×{annotated[1]} pixels, not {size[0]}×{size[1]}"]
        )
    package: list[Box] = []
    whole: list[Box] = []
    damage: list[Box] = []
    problems = []
    for element in root.iter("object"):
        name = (element.findtext("name") or "").strip().lower()
        try:
            box = _box(element)
        except (ValueError, OverflowError):
            problems.append(f"a box of {name!r} lacks a number")
            continue
        clipped = _clip(box, size)
        if clipped is None:
            problems.append(f"the box {box} holds nothing of the image")
            continue
        if clipped != box:
            problems.append(f"the box {box} is clipped to the image")
        if name == PACKAGE:
            package.append(clipped)
        else:
            (damage if label == "damaged" else whole).append(clipped)
    package = package or whole
    if len(package) > 1:
        problems.append("several boxes of the whole package, of which the largest is kept")
    return Boxes(sorted(package, key=_area)[-1:], damage, problems)


def _box(element: ElementTree.Element) -> Box:
    xmin, ymin, xmax, ymax = (
        round(float(element.findtext(f"bndbox/{side}") or "nan"))
        for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return xmin, ymin, xmax, ymax


def _clip(box: Box, size: tuple[int, int]) -> Box | None:
    xmin, ymin, xmax, ymax = box
    width, height = size
    clipped = max(0, xmin), max(0, ymin), min(width, xmax), min(height, ymax)
    return clipped if clipped[0] < clipped[2] and clipped[1] < clipped[3] else None


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
