"""What a file of a source is, told from its path: an image, a mask, an annotation."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from packsight.domain import Box

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".avif",
    ".heic", ".heif",
)  # fmt: skip
UNREADABLE = "unreadable folder"
LONGEST = 120  # bytes of a serial, which becomes part of a file's name
# Texts that readers of tables take for a missing value, whatever the column.
_MISSING = {
    "", "#n/a", "#na", "-nan", "n/a", "na", "nan", "none", "null", "<na>", "nat",
    "-1.#ind", "1.#ind", "-1.#qnan", "1.#qnan", "#n/a n/a",
}  # fmt: skip


class Rejected(NamedTuple):
    path: str  # below the source
    reason: str  # the same text for the same kind of problem, so that it can be counted
    detail: str = ""


class Name(NamedTuple):
    """What a layout tells of an image that needs no label; None where it does not."""

    serial: str | None
    perspective: str | None
    shot: int = 0


@dataclass(frozen=True)
class Candidate:
    """A file that the layout understands."""

    path: str  # below the source
    serial: str
    perspective: str
    label: str
    part: str  # of the source: "train", "val", "test" or ""
    boxes: tuple[Box, ...] = ()  # that the source's table gives it
    shot: int = 0  # the number of a burst's image, where it is told
    group: str = ""  # what it must not part from
    time: str = ""  # when it was taken, as it is told

    @property
    def key(self) -> tuple[str, str, str]:
        return self.label, self.perspective, self.serial


Read = Callable[[str], Candidate | Rejected]  # what a layout makes of a path
MaskKey = tuple[str, str, str, str]  # an image's key, and what `stem` its path would have


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


def serial_problem(serial: str) -> str:
    """Why a text cannot be a serial; "" if it can."""
    if serial.casefold() in _MISSING:
        return "no serial"
    if not serial.isprintable() or serial != serial.strip() or {"/", "\\"} & {*serial}:
        return "serial with a separator of paths, a sign that cannot be printed or a blank end"
    if serial.startswith(".") or len(serial.encode()) > LONGEST:
        return f"serial that begins with a dot or has more than {LONGEST} bytes"
    return ""


def by_role(
    paths: Iterable[str], read: Read
) -> tuple[dict[MaskKey, str], dict[str, str], list[str], list[Rejected]]:
    """Masks by what they mask, annotations by `stem`, other files, and second ones for an image."""
    masks: dict[MaskKey, str] = {}
    annotations: dict[str, str] = {}
    others, rejected = [], []
    for path in paths:
        pure = PurePosixPath(path)
        if _is_mask(pure):
            fits = read(_masked(pure))
            if not isinstance(fits, Candidate):
                rejected.append(fits._replace(path=path))
            elif (first := masks.setdefault((*fits.key, stem(fits.path)), path)) != path:
                rejected.append(Rejected(path, "second mask of one image", f"the first is {first}"))
        elif pure.suffix.lower() == ".xml":
            if (first := annotations.setdefault(stem(path), path)) != path:
                told = f"the first is {first}"
                rejected.append(Rejected(path, "second annotation of one image", told))
        else:
            others.append(path)
    return masks, annotations, others, rejected


def _is_mask(path: PurePosixPath) -> bool:
    return "masks" in (part.lower() for part in path.parts[:-1])


def _masked(path: PurePosixPath) -> str:
    """What a mask's path would be if it were its image's."""
    return "/".join([part for part in path.parts[:-1] if part.lower() != "masks"] + [path.name])


def stem(path: str) -> str:
    """What an image and its annotation have in common, whatever the case of each."""
    return str(PurePosixPath(path).with_suffix("")).lower()
