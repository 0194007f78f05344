"""Boxes that were drawn on an image; what a box means follows from the image's label."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from packsight.domain import Box

PACKAGE = "package"  # an object of this name boxes the whole package, whatever the label
FARTHEST = 1e6  # pixels
Corners = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax


class UnusableAnnotationError(Exception):
    """The message says why."""


@dataclass(frozen=True)
class Drawing:
    """What an annotation draws on one image."""

    objects: Sequence[tuple[str, Corners]]  # named
    made_for: tuple[int, int] | None = None  # width and height of the image, where it tells
    relative: bool = False  # corners are shares of the image's sides, not pixels
    problems: Sequence[str] = field(default_factory=tuple)  # what could not be read


class Boxes(NamedTuple):
    package: list[Box]  # at most one
    damage: list[Box]
    problems: list[str]


def boxes_of(drawing: Drawing, label: str, size: tuple[int, int]) -> Boxes:
    """The boxes of an image of this label and size (width, height), clipped to its frame.

    On an intact image they box the whole package; on a damaged one they box damage. What could
    not be used is told in `problems`.
    """
    if drawing.made_for not in (None, size):
        made_for = "{}×{}".format(*drawing.made_for or ())
        return Boxes([], [], [f"made for {made_for} pixels, not {size[0]}×{size[1]}"])
    package: list[Box] = []
    whole: list[Box] = []
    damage: list[Box] = []
    problems = [*drawing.problems]
    for name, corners in drawing.objects:
        scaled = _scaled(corners, size) if drawing.relative else corners
        if not all(abs(number) < FARTHEST for number in scaled):  # nor inf, nor nan
            problems.append(f"a box of {name[:40]!r} is left out: it is at no number of pixels")
            continue
        xmin, ymin, xmax, ymax = map(round, scaled)
        box = xmin, ymin, xmax, ymax
        clipped = _clip(box, size)
        if clipped is None:
            problems.append(f"the box {box} holds nothing of the image")
            continue
        if clipped != box:
            problems.append(f"the box {box} is clipped to the image")
        if name.strip().lower() == PACKAGE:
            package.append(clipped)
        else:
            (damage if label == "damaged" else whole).append(clipped)
    package = package or whole
    if len(package) > 1:
        problems.append("several boxes of the whole package, of which the largest is kept")
    return Boxes(sorted(package, key=_area)[-1:], damage, problems)


def around(points: Sequence[tuple[float, float]]) -> Corners:
    """The box around a polygon of at least two points."""
    if len(points) < 2:
        raise UnusableAnnotationError("a polygon has fewer than two points")
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)


def number(value: object) -> float:
    """A finite number. Raises UnusableAnnotationError for what is none."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found) or isinstance(value, bool):
        raise UnusableAnnotationError(f"{str(value)[:20]!r} is no number")
    return found


def _scaled(corners: Corners, size: tuple[int, int]) -> Corners:
    width, height = size
    xmin, ymin, xmax, ymax = corners
    return xmin * width, ymin * height, xmax * width, ymax * height


def _clip(box: Box, size: tuple[int, int]) -> Box | None:
    xmin, ymin, xmax, ymax = box
    width, height = size
    clipped = max(0, xmin), max(0, ymin), min(width, xmax), min(height, ymax)
    return clipped if clipped[0] < clipped[2] and clipped[1] < clipped[3] else None


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
