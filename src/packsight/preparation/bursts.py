"""Several images of one package by one camera: which comes first."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from packsight.preparation.layout import Candidate


def place_in_burst(shot: int, path: str) -> tuple[Any, ...]:
    """What a burst's images are sorted by: their number, then their path, numbers by value."""
    parts = re.split(r"([0-9]+)", path)
    return shot, [int(part) if place % 2 else part for place, part in enumerate(parts)], path


def shots_of(images: Iterable[Candidate]) -> dict[str, int]:
    """For each image's path its place in its burst: 0, 1, 2 …"""
    bursts = defaultdict(list)
    for image in images:
        bursts[image.serial, image.perspective].append(place_in_burst(image.shot, image.path))
    return {
        path: number for burst in bursts.values() for number, (*_, path) in enumerate(sorted(burst))
    }


class Counted(NamedTuple):
    """Packages with more than one image of a camera, and the most that one has."""

    packages: int
    most: int


def count_bursts(images: Sequence[tuple[str, str]]) -> Counted:
    """Of images told by serial and perspective."""
    views = Counter(images)
    several = {serial for (serial, _), count in views.items() if count > 1}
    return Counted(len(several), max(views.values(), default=0))
