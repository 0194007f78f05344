"""The layout of a source: what a file is, told from its path alone."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from packsight.domain import LABELS, Perspective, Split
from packsight.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
UNREADABLE = "unreadable folder"
LAYOUT = "<label>/<perspective>/<serial>_<perspective>.<png|jpg|jpeg|webp|bmp>"
PARTS = {
    "training": Split.TRAIN.value,
    "test": Split.TEST.value,
    "interpretabilidade": Split.TEST.value,
}
_SERIAL = re.compile(r"[0-9]{13}(?![0-9])")
_PERSPECTIVE = re.compile(rf"_({'|'.join(Perspective)})$", re.IGNORECASE)


class Rejected(NamedTuple):
    path: str  # below the source
    reason: str  # the same text for the same kind of problem, so that it can be counted
    detail: str = ""


class Name(NamedTuple):
    """What a file's name tells; None where it does not."""

    serial: str | None
    perspective: str | None


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


def walk(root: Path, target: Path | None = None) -> tuple[list[str], list[Rejected]]:
    """Paths of files below `root`, sorted, and what cannot be read there, with the reason.

    Links are followed, unless they lead to a folder that they lie in. Hidden files and `__MACOSX`
    are left out, and the folder of `root` that holds the `target` of what is made of the files.
    """
    files, rejected = [], []
    made = _folder_of(target, root) if target else None
    folders: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while folders:
        folder, above = folders.pop()
        try:
            found = (root / folder).stat()
            with os.scandir(root / folder) as opened:
                entries = list(opened)
        except OSError as error:
            rejected.append(Rejected(shown(folder), UNREADABLE, error.strerror or ""))
            continue
        here = found.st_dev, found.st_ino
        if here in above:
            rejected.append(Rejected(shown(folder), "link to a folder that it lies in"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            kind = _kind(entry)
            if kind == "folder":
                if not entry.name.startswith("__MACOSX") and path != made:
                    folders.append((path, (*above, here)))
            elif kind != "file":
                rejected.append(Rejected(shown(path), kind))
            elif path != shown(path):
                rejected.append(Rejected(shown(path), "name is not UTF-8", "rename it"))
            else:
                files.append(path)
    return sorted(files), sorted(rejected)


def _folder_of(target: Path, root: Path) -> str | None:
    """The folder in `root` that holds the target, or will; None if it lies elsewhere."""
    place, root = target.resolve(), root.resolve()
    return place.relative_to(root).parts[0] if root in place.parents else None


def _kind(entry: os.DirEntry) -> str:
    """Whether it is a file or a folder, itself or where it leads to; else what it is."""
    with suppress(OSError):  # of a link that leads to itself
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    return "broken link" if entry.is_symlink() else "no plain file"


def shown(path: str) -> str:
    """A path that can be written anywhere: bytes of it that are not UTF-8 by their numbers."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_image(path: str | Path) -> bool:
    """Whether a file is to be read as an image, by its suffix and unless it is a mask."""
    pure = PurePosixPath(path)
    return pure.suffix.lower() in IMAGE_SUFFIXES and not _is_mask(pure)


def parse_name(stem: str) -> Name:
    """Serial and camera from a file's name without suffix: `<13 digits>…_<perspective>`."""
    serial, perspective = _SERIAL.match(stem), _PERSPECTIVE.search(stem)
    return Name(serial and serial[0], perspective and perspective[1].lower())


def by_role(
    paths: Iterable[str],
) -> tuple[dict[tuple[str, str, str], str], dict[str, str], list[str], list[Rejected]]:
    """Masks by what they mask, annotations by `stem`, other files, and second ones for an image."""
    masks: dict[tuple[str, str, str], str] = {}
    annotations: dict[str, str] = {}
    others, rejected = [], []
    for path in paths:
        pure = PurePosixPath(path)
        if _is_mask(pure):
            fits = classify(path)
            if not isinstance(fits, Candidate):
                others.append(path)
            elif (first := masks.setdefault(fits.key, path)) != path:
                rejected.append(Rejected(path, "second mask of one image", f"the first is {first}"))
        elif pure.suffix.lower() == ".xml":
            if (first := annotations.setdefault(stem(path), path)) != path:
                told = f"the first is {first}"
                rejected.append(Rejected(path, "second annotation of one image", told))
        else:
            others.append(path)
    return masks, annotations, others, rejected


def classify(path: str) -> Candidate | Rejected:
    pure = PurePosixPath(path)
    if pure.suffix.lower() not in IMAGE_SUFFIXES:
        return Rejected(path, "not an image")
    *parents, label, folder = ["", "", *(part.lower() for part in pure.parent.parts)]
    if label not in LABELS or folder not in list(Perspective):
        return Rejected(path, "not in a <label>/<perspective>/ folder")
    serial, perspective = parse_name(pure.stem)
    if not serial or not perspective or len(pure.stem) != len(f"{serial}_{perspective}"):
        return Rejected(path, "name is not <13 digits>_<perspective>")
    if perspective != folder:
        return Rejected(path, "name and folder disagree on the perspective")
    parts = [PARTS[parent] for parent in parents if parent in PARTS]
    return Candidate(path, serial, perspective, label, parts[-1] if parts else "")


def _is_mask(path: PurePosixPath) -> bool:
    return "masks" in (part.lower() for part in path.parts[:-1])


def nothing_fits(source: Path, paths: list[str], unread: list[Rejected]) -> UserError:
    suffixes = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in paths)
    counts = ", ".join(f"{count} × {suffix}" for suffix, count in suffixes.most_common(5))
    found = f"{counts}; such as {', '.join(paths[:3])}" if paths else "no files"
    for reason, count in Counter(item.reason for item in unread).most_common(3):
        found += f"; {count} × {reason}"
    return UserError(
        f"{source} has no image that fits {LAYOUT} (label {' or '.join(LABELS)}, perspective top "
        f"or side, serial of 13 digits); found: {found}."
    )


def stem(path: str) -> str:
    """What an image and its annotation have in common, whatever the case of each."""
    return str(PurePosixPath(path).with_suffix("")).lower()
