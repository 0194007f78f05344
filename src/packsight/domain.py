"""Labels, cameras, splits and boxes: the words that every room shares."""

from collections.abc import Iterable
from enum import StrEnum

Box = tuple[int, int, int, int]
Upright = tuple[float, float, float, float, float]  # centre x, y, width, height, clockwise degrees

LABELS = ("intact", "damaged")  # the index is the class index; damaged is the positive class


class Perspective(StrEnum):
    TOP = "top"
    SIDE = "side"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def parse_boxes(text: str) -> list[Box]:
    """Read "xmin ymin xmax ymax" boxes, joined by ";"; empty text holds none."""
    boxes: list[Box] = []
    for part in filter(None, text.split(";")):
        xmin, ymin, xmax, ymax = map(int, part.split())
        boxes.append((xmin, ymin, xmax, ymax))
    return boxes


def format_boxes(boxes: Iterable[Box]) -> str:
    """The inverse of `parse_boxes`."""
    return ";".join(" ".join(map(str, box)) for box in boxes)


def parse_upright(text: str) -> Upright:
    """Read "x y width height degrees"."""
    x, y, width, height, angle = map(float, text.split())
    return x, y, width, height, angle


def format_upright(place: Upright) -> str:
    """The inverse of `parse_upright`."""
    return " ".join(map(str, place))
