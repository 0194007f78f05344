"""The layout of a source: what a file is, told from its path alone."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from packsight.domain import LABELS, Perspective, Split
from packsight.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
LAYOUT = "<label>/<perspective>/<serial>_<perspective>.<png|jpg|jpeg|webp|bmp>"
PARTS = {
    "training": Split.TRAIN.value,
    "test": Split.TEST.value,
    "interpretabilidade": Split.TEST.value,
}
_NAME = re.compile(r"(?P<serial>[0-9]{13})_(?P<perspective>top|side)", re.IGNORECASE)


class Rejected(NamedTuple):
    path: str  # below the source
    reason: str  # the same text for the same kind of problem, so that it can be counted
    detail: str = ""


@dataclass(frozen=True)
class Candidate:
    """A file whose folder and name fit the layout."""

    path: str  # below the source
    serial: str
    perspective: str
    label: str
    part: str  # of the source: "train", "test" or ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.label, self.perspective, self.serial


def source_files(root: Path) -> list[str]:
    """Paths below `root`, sorted, without hidden files and `__MACOSX`."""
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                paths.append(path.relative_to(root).as_posix())
    return sorted(paths)


def by_role(
    paths: Iterable[str],
) -> tuple[dict[tuple[str, str, str], str], dict[str, str], list[str]]:
    """Masks by what they mask, annotations by their path without suffix, and the other files."""
    masks: dict[tuple[str, str, str], str] = {}
    annotations: dict[str, str] = {}
    others = []
    for path in paths:
        pure = PurePosixPath(path)
        if "masks" in pure.parts[:-1]:
            fits = classify(path)
            if isinstance(fits, Candidate):
                masks[fits.key] = path
            else:
                others.append(path)
        elif pure.suffix.lower() == ".xml":
            annotations[stem(path)] = path
        else:
            others.append(path)
    return masks, annotations, others


def classify(path: str) -> Candidate | Rejected:
    pure = PurePosixPath(path)
    if pure.suffix.lower() not in IMAGE_SUFFIXES:
        return Rejected(path, "not an image")
    *parents, label, perspective = ["", "", *(part.lower() for part in pure.parent.parts)]
    if label not in LABELS or perspective not in list(Perspective):
        return Rejected(path, "not in a <label>/<perspective>/ folder")
    match = _NAME.fullmatch(pure.stem)
    if match is None:
        return Rejected(path, "name is not <13 digits>_<perspective>")
    if match["perspective"].lower() != perspective:
        return Rejected(path, "name and folder disagree on the perspective")
    parts = [PARTS[parent] for parent in parents if parent in PARTS]
    return Candidate(path, match["serial"], perspective, label, parts[-1] if parts else "")


def nothing_fits(source: Path, paths: list[str]) -> UserError:
    suffixes = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in paths)
    counts = ", ".join(f"{count} × {suffix}" for suffix, count in suffixes.most_common(5))
    found = f"{counts}; such as {', '.join(paths[:3])}" if paths else "no files"
    return UserError(
        f"{source} has no image that fits {LAYOUT} (label {' or '.join(LABELS)}, perspective top "
        f"or side, serial of 13 digits); found: {found}."
    )


def stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))
