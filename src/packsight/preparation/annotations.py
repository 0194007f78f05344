"""The annotations of a source: which file draws boxes on which image."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

from packsight.preparation.boxes import Drawing
from packsight.preparation.json_annotations import read_json_annotations
from packsight.preparation.layout import Candidate, Rejected, is_image, stem
from packsight.preparation.places import Places
from packsight.preparation.voc import read_voc
from packsight.preparation.yolo import NAMES, read_names, read_yolo

# What Label Studio puts before the name of a file that is uploaded.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


@dataclass
class Annotations:
    """Of each image the file that draws on it, and what reads that."""

    by_image: dict[str, tuple[str, Callable[[], Drawing]]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # files that are annotations
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, image: str, file: str, read: Callable[[], Drawing]) -> None:
        first, _ = self.by_image.setdefault(image, (file, read))
        if first != file:
            told = f"of {image}; the first is {first}"
            self.rejected.append(Rejected(file, "second annotation of one image", told))

    def of(self, image: Candidate) -> tuple[str, Drawing] | None:
        """The file that draws on an image, or the image's own path where its table does."""
        if image.path in self.by_image:
            file, read = self.by_image[image.path]
            return file, read()
        return (image.path, Drawing([("", box) for box in image.boxes])) if image.boxes else None


def find_annotations(root: Path, paths: Sequence[str], xml: Mapping[str, str]) -> Annotations:
    """Pascal VOC (`xml`, by `stem`) and YOLO beside the images, COCO and Label Studio anywhere."""
    found = Annotations()
    images = [path for path in paths if is_image(path)]
    by_stem: dict[str, list[str]] = {}
    for image in images:
        by_stem.setdefault(stem(image), []).append(image)
    for key, file in xml.items():
        found.taken.add(file)
        for image in by_stem.get(key, []):
            found.add(image, file, partial(read_voc, root / file))
        if key not in by_stem:
            found.rejected.append(Rejected(file, "annotation without an image"))
    names = cache(partial(_names, root, frozenset(paths)))
    for path in paths:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix == ".txt":
            # YOLO's labels/ stands beside images/.
            keys = (stem(path), re.sub(r"(^|/)labels/", r"\1images/", stem(path)))
            for image in (image for key in dict.fromkeys(keys) for image in by_stem.get(key, [])):
                found.taken.add(path)
                read = partial(_yolo, root / path, names, str(PurePosixPath(path).parent))
                found.add(image, path, read)
        elif suffix == ".json":
            _add_json(found, root, path, images)
    return found


def _yolo(file: Path, names: Callable[[str], dict[int, str]], folder: str) -> Drawing:
    return read_yolo(file, names(folder))


def _names(root: Path, paths: frozenset[str], folder: str) -> dict[int, str]:
    """The names of classes, from the nearest file that tells them in a folder or above it."""
    place = PurePosixPath(folder)
    for above in (place, *place.parents):
        for name in NAMES:
            if (path := (above / name).as_posix()) in paths:
                return read_names(root / path)
    return {}


def _add_json(found: Annotations, root: Path, path: str, images: Sequence[str]) -> None:
    drawings = read_json_annotations(root / path)
    if drawings is None:
        return
    found.taken.add(path)
    places = Places(root, images)
    for said, drawing in drawings.items():
        image = _place(places, said)
        if image is None:
            found.rejected.append(Rejected(path, "annotation without an image", said[:200]))
        elif drawing.objects or drawing.problems:
            found.add(image, path, partial(_known, drawing))


def _known(drawing: Drawing) -> Drawing:
    return drawing


def _place(places: Places, said: str) -> str | None:
    """An image, by a path or the end of one; an uploaded one by its name."""
    name = PurePosixPath(said.partition("?")[0]).name
    for text in (said, name, _UPLOADED.sub("", name)):
        image, _ = places.find(text)
        if image is not None:
            return image
    return None
