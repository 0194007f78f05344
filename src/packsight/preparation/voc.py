"""Boxes from Pascal VOC files."""

import io
import math
from pathlib import Path
from xml.etree import ElementTree

from packsight.domain import Box
from packsight.preparation.boxes import (
    FARTHEST,
    Boxes,
    Drawing,
    UnusableAnnotationError,
    boxes_of,
)

LARGEST = 10_000_000  # bytes; annotations have some hundred
DEEPEST = 50  # elements in elements; annotations have four


def read_boxes(path: Path, label: str, size: tuple[int, int]) -> Boxes:
    """The boxes of an image of this label and size (width, height), as `boxes_of` gives them."""
    return boxes_of(read_voc(path), label, size)


def read_voc(path: Path) -> Drawing:
    """What a file draws; what it cannot is told among its problems."""
    objects, problems = [], []
    try:
        root = _root(path)
        made_for = _made_for(root)
    except UnusableAnnotationError as error:
        return Drawing([], problems=[str(error)])
    for element in root.iter("object"):
        name = _text(element, "name").lower()
        try:
            objects.append((name, _box(element)))
        except UnusableAnnotationError as error:
            problems.append(f"a box of {name[:40]!r} is left out: {error}")
    return Drawing(objects, made_for, problems=problems)


def _root(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > LARGEST:
            raise UnusableAnnotationError(f"more than {LARGEST / 1e6:g} MB are refused")
        raw = path.read_bytes()
    except OSError as error:
        raise UnusableAnnotationError(f"it cannot be opened ({error.strerror})") from error
    # Entities can blow a small file up; a NUL means UTF-16, where this search would miss them.
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\0" in raw:
        raise UnusableAnnotationError("document types, entities and UTF-16 are refused")
    elements: list[ElementTree.Element] = []
    depth = 0
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(raw), events=("start", "end")):
            elements[:0] = [] if elements else [element]
            depth += 1 if event == "start" else -1
            if depth > DEEPEST:
                raise UnusableAnnotationError(f"elements in more than {DEEPEST} others are refused")
    # Of unknown encodings too.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UnusableAnnotationError(f"not well-formed ({error})") from error
    [root] = elements
    if root.tag != "annotation":
        raise UnusableAnnotationError(f"not Pascal VOC, but <{root.tag[:40]}>")
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
        raise UnusableAnnotationError(f"{what} is {text[:20]!r}, no number of pixels")
    return round(value)
