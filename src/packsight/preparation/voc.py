"""Boxes from Pascal VOC files; what a box means follows from the image's label."""

import io
import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from packsight.domain import Box

PACKAGE = "package"  # an object of this name boxes the whole package, whatever the label
LARGEST = 10_000_000  # bytes; annotations have some hundred
DEEPEST = 50  # elements in elements; annotations have four
FARTHEST = 1e6  # pixels


class Boxes(NamedTuple):
    package: list[Box]  # at most one
    damage: list[Box]
    problems: list[str]


def read_boxes(path: Path, label: str, size: tuple[int, int]) -> Boxes:
    """The boxes of an image of this label and size (width, height), clipped to its frame.

    On an intact image they box the whole package; on a damaged one they box damage. What could
    not be used is told in `problems`.
    """
    try:
        root = _root(path)
        made_for = _made_for(root)
    except _UnusableError as error:
        return Boxes([], [], [str(error)])
    if made_for not in (None, size):
        return Boxes([], [], ["made for {}×{} pixels, not {}×{}".format(*made_for or (), *size)])
    package: list[Box] = []
    whole: list[Box] = []
    damage: list[Box] = []
    problems = []
    for element in root.iter("object"):
        name = _text(element, "name").lower()
        try:
            box = _box(element)
        except _UnusableError as error:
            problems.append(f"a box of {name[:40]!r} is left out: {error}")
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


class _UnusableError(Exception):
    """The message says why."""


def _root(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > LARGEST:
            raise _UnusableError(f"more than {LARGEST / 1e6:g} MB are refused")
        raw = path.read_bytes()
    except OSError as error:
        raise _UnusableError(f"it cannot be opened ({error.strerror})") from error
    # Entities can blow a small file up; a NUL means UTF-16, where this search would miss them.
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\0" in raw:
        raise _UnusableError("document types, entities and UTF-16 are refused")
    elements: list[ElementTree.Element] = []
    depth = 0
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(raw), events=("start", "end")):
            elements[:0] = [] if elements else [element]
            depth += 1 if event == "start" else -1
            if depth > DEEPEST:
                raise _UnusableError(f"elements in more than {DEEPEST} others are refused")
    # Of unknown encodings too.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise _UnusableError(f"not well-formed ({error})") from error
    [root] = elements
    if root.tag != "annotation":
        raise _UnusableError(f"not Pascal VOC, but <{root.tag[:40]}>")
    return root


def _made_for(root: ElementTree.Element) -> tuple[int, int] | None:
    """The size of the image that was annotated, where both sides of it are given."""
    width, height = (_text(root, f"size/{side}") for side in ("width", "height"))
    if not width or not height:
        return None
    return _number(width, "its image's width"), _number(height, "its image's height")


def _box(element: ElementTree.Element) -> Box:
    xmin, ymin, xmax, ymax = (
        _number(_text(element, f"bndbox/{side}"), side) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return xmin, ymin, xmax, ymax


def _text(element: ElementTree.Element, place: str) -> str:
    return (element.findtext(place) or "").strip()


def _number(text: str, what: str) -> int:
    """A whole number of pixels; fractions are rounded."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < FARTHEST:  # nor inf, nor nan
        raise _UnusableError(f"{what} is {text[:20]!r}, no number of pixels")
    return round(value)


def _clip(box: Box, size: tuple[int, int]) -> Box | None:
    xmin, ymin, xmax, ymax = box
    width, height = size
    clipped = max(0, xmin), max(0, ymin), min(width, xmax), min(height, ymax)
    return clipped if clipped[0] < clipped[2] and clipped[1] < clipped[3] else None


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
