"""The layout that needs no settings: a folder for the label, one for the camera, and a name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packsight.preparation.layout import IMAGE_SUFFIXES, Candidate, Name, Rejected
from packsight.preparation.reading import Layout, Reader
from packsight.preparation.vocabulary import Vocabulary

_DIGITS = re.compile(r"[0-9]{13}(?![0-9])")
_SHOT = re.compile(r"(.+)_([0-9]{1,9})")


def parse_name(stem: str, words: Vocabulary) -> Name:
    """Serial, camera and shot from a file's name without suffix: `<serial>_<perspective>_<shot>`.

    What stands between a serial of 13 digits and the camera is left out.
    """
    (ending, shot), digits = _ending(stem, words), _DIGITS.match(stem)
    serial = digits[0] if digits else (ending[0] if ending else None)
    return Name(serial or None, ending[2] if ending else None, shot)


def _ending(stem: str, words: Vocabulary) -> tuple[tuple[str, str, str] | None, int]:
    """`Vocabulary.ending` of a name, and the number of its burst that stands behind it, or 0."""
    ending, numbered = words.ending(stem), _SHOT.fullmatch(stem)
    if ending or not numbered or not (before := words.ending(numbered[1])):
        return ending, 0
    return before, int(numbered[2])


class StandardReader(Reader):
    def read(self, path: str) -> Candidate | Rejected:
        pure = PurePosixPath(path)
        if pure.suffix.lower() not in IMAGE_SUFFIXES:
            return Rejected(path, "not an image")
        *above, named, seen = ["", "", *pure.parent.parts]
        label, folder = self.words.label(named), self.words.camera(seen)
        if label is None or folder is None:
            return Rejected(path, "not in a <label>/<perspective>/ folder")
        ending, shot = _ending(pure.stem, self.words)
        # Two images of one package would else be two packages.
        digits = _DIGITS.match(pure.stem)
        if not ending or not ending[0] or (digits and digits[0] != ending[0]):
            return Rejected(path, "name is not <serial>_<perspective>")
        serial, word, perspective = ending
        if perspective != folder:
            return Rejected(path, "name and folder disagree on the perspective")
        part = self.words.part(above)
        image = Candidate(path, serial, perspective, label, part, shot=shot)
        return self.candidate(image, (named, label), (seen, folder), (word, folder))


@dataclass(frozen=True)
class StandardLayout(Layout):
    """`<label>/<perspective>/<serial>_<perspective>`, at any depth, in words of four languages."""

    kind = "standard"

    @property
    def form(self) -> str:
        return (
            f"<label>/<perspective>/<serial>_<perspective>.<{'|'.join(_short())}>, with _1, _2 … "
            "behind the perspective where there are several (label damaged or intact, perspective "
            "top or side, or such words in English, Portuguese, German or Spanish)"
        )

    def reader(self, root: Path, paths: Sequence[str]) -> Reader:
        return StandardReader(self.words)

    def namer(self, root: Path, paths: Sequence[str]) -> Callable[[str], Name]:
        words = self.words
        return lambda path: parse_name(PurePosixPath(path).stem, words)

    def traced(self) -> dict[str, Any]:
        # As it is it needs no word: data from before there were layouts are still what they were.
        plain = not any(self.labels.values()) and not any(self.cameras.values())
        return {} if plain else super().traced()


def _short() -> list[str]:
    return [suffix.lstrip(".") for suffix in IMAGE_SUFFIXES]
