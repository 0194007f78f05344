"""Boxes and polygons of many images in one JSON file, as COCO and Label Studio write it."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packsight.preparation.boxes import Corners, Drawing, UnusableAnnotationError, around, number

LARGEST = 500_000_000  # bytes
# What a value of another type than was expected raises where it is used.
_UNFIT = (UnusableAnnotationError, KeyError, TypeError, ValueError, IndexError, AttributeError)
_LABELS = ("rectanglelabels", "polygonlabels")


def read_json_annotations(path: Path) -> dict[str, Drawing] | None:
    """What a file draws on each image, by the path that it gives it; None for other JSON."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError, MemoryError):
        return None
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        return _merged(_coco(content))
    if isinstance(content, list) and any(map(_is_task, content)):
        return _merged(_label_studio(content))
    return None


Found = tuple[str, list[tuple[str, Corners]], tuple[int, int] | None, bool, list[str]]


def _merged(found: Iterator[Found]) -> dict[str, Drawing]:
    return {
        path: Drawing(objects, made_for, relative, problems)
        for path, objects, made_for, relative, problems in found
    }


def _coco(content: dict[str, Any]) -> Iterator[Found]:
    """Boxes in pixels, [x, y, width, height]; where there is none, a polygon."""
    names = {
        category.get("id"): str(category.get("name", ""))
        for category in _dicts(content.get("categories"))
        if isinstance(category.get("id"), int | str)
    }
    drawn: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for item in _dicts(content["annotations"]):
        if isinstance(item.get("image_id"), int | str):
            drawn[item["image_id"]].append(item)
    for image in _dicts(content["images"]):
        if not isinstance(image.get("file_name"), str) or not isinstance(
            image.get("id"), int | str
        ):
            continue
        objects, problems = [], []
        for item in drawn[image["id"]]:
            try:
                objects.append((names.get(item.get("category_id"), ""), _coco_box(item)))
            except _UNFIT as error:
                problems.append(f"an annotation is left out: {_in_short(error)}")
        yield image["file_name"], objects, _size(image, "width", "height"), False, problems


def _coco_box(item: dict[str, Any]) -> Corners:
    if item.get("bbox"):
        x, y, width, height = map(number, item["bbox"])
        return x, y, x + width, y + height
    numbers = [number(value) for part in item["segmentation"] for value in part]
    return around([*zip(numbers[::2], numbers[1::2], strict=True)])


def _is_task(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("data"), dict) and "annotations" in item


def _label_studio(tasks: list[Any]) -> Iterator[Found]:
    """Boxes and polygons in hundredths of the image's sides."""
    for task in filter(_is_task, tasks):
        path = next((str(v) for v in task["data"].values() if isinstance(v, str) and "." in v), "")
        objects, problems = [], []
        made_for = None
        for annotation in _dicts(task["annotations"]):
            if annotation.get("was_cancelled"):
                continue
            for item in _dicts(annotation.get("result")):
                kind = item.get("type")
                if kind not in _LABELS:
                    continue
                made_for = made_for or _size(item, "original_width", "original_height")
                try:
                    names = item["value"].get(kind) or [""]
                    objects.append((str(names[0]), _percent(item["value"])))
                except _UNFIT as error:
                    problems.append(f"a result is left out: {_in_short(error)}")
        if path:
            yield path, objects, made_for, True, problems


def _percent(value: dict[str, Any]) -> Corners:
    if "points" in value:
        points = [(number(x) / 100, number(y) / 100) for x, y in value["points"]]
        return around(points)
    if number(value.get("rotation") or 0):
        raise UnusableAnnotationError("a box that is turned")
    x, y, width, height = (number(value[key]) / 100 for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def _size(item: dict[str, Any], *keys: str) -> tuple[int, int] | None:
    width, height = (item.get(key) for key in keys)
    known = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
    return (width, height) if known else None  # type: ignore[return-value]


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__
