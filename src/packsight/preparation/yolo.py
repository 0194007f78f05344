"""Boxes and polygons from YOLO's text files: a line has a class, and shares of the sides."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from packsight.preparation.boxes import Corners, Drawing, UnusableAnnotationError, around, number

LARGEST = 10_000_000  # bytes
LONGEST = 100_000  # letters of a file of names
NAMES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml")  # what tells the classes' names


def read_yolo(path: Path, names: Mapping[int, str]) -> Drawing:
    """What a file draws; what it cannot is told among its problems."""
    objects, problems = [], []
    try:
        if path.stat().st_size > LARGEST:
            return Drawing([], problems=[f"more than {LARGEST / 1e6:g} MB are refused"])
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        return Drawing([], problems=[f"it cannot be opened ({error.strerror})"])
    for place, line in enumerate(lines, start=1):
        if line.strip():
            try:
                kind, corners = _line(line.split())
                objects.append((names.get(kind, str(kind)), corners))
            except UnusableAnnotationError as error:
                problems.append(f"line {place} is left out: {error}")
    return Drawing(objects, relative=True, problems=problems)


def _line(fields: list[str]) -> tuple[int, Corners]:
    """A class with centre, width and height, or with the points of a polygon."""
    kind, *numbers = map(number, fields)
    if len(numbers) in (4, 5):  # maybe with a certainty
        x, y, width, height = numbers[:4]
        return int(kind), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if len(numbers) < 6 or len(numbers) % 2:
        raise UnusableAnnotationError(f"{len(numbers)} numbers are no box and no polygon")
    return int(kind), around([*zip(numbers[::2], numbers[1::2], strict=True)])


def read_names(path: Path) -> dict[int, str]:
    """The names of classes; none where the file does not tell them."""
    try:
        text = path.read_text("utf-8-sig", errors="replace")[:LONGEST]
        if path.suffix != ".yaml":
            return dict(enumerate(line.strip() for line in text.splitlines()))
        names = yaml.safe_load(text)["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        # Lists in lists, by YAML's references, would take for ever to write.
        return {int(key): name for key, name in pairs if isinstance(name, str)}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError,
            RecursionError):  # fmt: skip
        return {}
