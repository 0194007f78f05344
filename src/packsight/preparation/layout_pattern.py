"""A layout told by a pattern of paths, or by a regular expression with named groups."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.preparation.layout import IMAGE_SUFFIXES, Candidate, Name, Rejected
from packsight.preparation.reading import Layout, Reader
from packsight.preparation.regex_time import check_time
from packsight.preparation.vocabulary import CAMERA_WORDS, LABEL_WORDS, SPLIT_WORDS, Vocabulary

FIELDS = ("label", "perspective", "serial", "split", "shot", "group", "time")  # and {anything}
NUMBER = "[0-9]{1,9}"  # what a shot is
SEPARATORS = re.compile(r"[/_\-. ]+")
_FIELD = re.compile(r"\{(\w*)\}")


class PathPattern:
    """What a path says by its fields."""

    def __init__(self, text: str, spellings: Mapping[str, Iterable[str]]) -> None:
        """A field with `spellings` takes one of these alone, whatever their case.

        Raises UserError for a pattern that is none.
        """
        self.text = text
        self.is_regex = "(?P<" in text
        if not self.is_regex:
            text = text.removesuffix(".*").strip("/")
        strict, loose = (
            text if self.is_regex else _as_regex(text, words) for words in (spellings, {})
        )
        try:
            self._regexes = [re.compile(regex, re.IGNORECASE) for regex in (strict, loose)]
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"layout.pattern={text} is no regular expression: {error}.") from error
        self.fields = {name.partition("__")[0] for name in self._regexes[0].groupindex}
        strange = sorted(self.fields - {*FIELDS})
        if strange:
            raise UserError(
                f"layout.pattern={text} has the field {strange[0]}; use {', '.join(FIELDS)} or "
                "anything."
            )

    def check(self, paths: Sequence[str]) -> None:
        """Raise UserError if it takes for ever to compare it with these paths."""
        # `fullmatch` is a search for what has the text's ends at its own.
        ends = "{}" if self.is_regex else "\\A(?:{})\\Z"
        regexes = [ends.format(regex.pattern) for regex in self._regexes]
        check_time(regexes, [*map(self._seen, paths)], f"layout.pattern={self.text}")

    def _seen(self, path: str) -> str:
        """A regular expression sees the whole path, a pattern what stands before the suffix."""
        return path if self.is_regex else str(PurePosixPath(path).with_suffix(""))

    def match(self, path: str) -> dict[str, list[str]] | None:
        """What each field says, as often as it stands there; None for a path that does not fit."""
        text = self._seen(path)
        for regex in self._regexes:
            found = regex.search(text) if self.is_regex else regex.fullmatch(text)
            if found is not None:
                said: dict[str, list[str]] = {}
                for name, value in found.groupdict().items():
                    if value is not None:
                        said.setdefault(name.partition("__")[0], []).append(value)
                return said
        return None


def _as_regex(text: str, spellings: Mapping[str, Iterable[str]]) -> str:
    """A pattern such as `{label}/{serial}_{perspective}`, at any depth, as a regular expression.

    Raises UserError for a brace that belongs to no field.
    """
    regex = "(?:.*/)?"
    for place, piece in enumerate(_FIELD.split(text)):
        if place % 2 == 0:
            if {*"{}"} & {*piece}:
                raise UserError(
                    f"layout.pattern={text} has a brace on its own; a field is a word between "
                    "two, as in {serial}."
                )
            regex += re.escape(piece)
        elif piece in ("anything", ""):
            regex += "[^/]*"
        else:
            name = "perspective" if piece == "camera" else piece
            words = sorted(spellings.get(name, ()), key=lambda word: (-len(word), word))
            some = "|".join(map(re.escape, words)) or (NUMBER if name == "shot" else "[^/]+?")
            regex += f"(?P<{name}__{place}>{some})"
    return regex


class PatternReader(Reader):
    def __init__(self, layout: "PatternLayout", paths: Sequence[str]) -> None:
        super().__init__(layout.words)
        self.camera = layout.camera
        self.pattern = PathPattern(layout.pattern, _spellings(layout, self.words, paths))
        self.pattern.check(paths)

    def read(self, path: str) -> Candidate | Rejected:
        pure = PurePosixPath(path)
        if pure.suffix.lower() not in IMAGE_SUFFIXES:
            return Rejected(path, "not an image")
        said = self.pattern.match(path)
        if said is None:
            return Rejected(path, "path does not fit the pattern")
        means: dict[str, Callable[[str], str | None]] = {
            "label": self.words.label,
            "perspective": self.words.camera,
            "split": self.words.split,
            "serial": str,
            "shot": _number,
            "group": str,
            "time": str,
        }
        known: dict[str, str] = {"perspective": self.camera or "", "label": ""}
        met = []
        for field, values in said.items():
            meanings = {value: means[field](value) for value in values}
            for value, meaning in meanings.items():
                if meaning is None:
                    return Rejected(path, f"{field} of an unknown word", value)
            if len({*meanings.values()}) > 1:
                return Rejected(path, f"path says two things of the {field}", " and ".join(values))
            known[field] = str(meanings[values[0]])
            if field in ("label", "perspective", "split"):
                met += [(value, known[field]) for value in values]
        for field in ("label", "perspective", "serial"):
            if not known.get(field):
                return Rejected(path, f"path does not tell the {field}")
        part = known.get("split", self.words.part(pure.parent.parts))
        image = Candidate(
            path, known["serial"], known["perspective"], known["label"], part,
            shot=int(known.get("shot", 0)), group=known.get("group", ""),
            time=known.get("time", ""),
        )  # fmt: skip
        return self.candidate(image, *met)


@dataclass(frozen=True)
class PatternLayout(Layout):
    """`pattern` has the fields label, perspective and serial, and where there are, split, shot,
    group and time.

    `camera` took all images of a pattern without perspective.
    """

    pattern: str
    camera: str | None = None
    kind = "pattern"

    @property
    def form(self) -> str:
        return f"layout.pattern={self.pattern}"

    def reader(self, root: Path, paths: Sequence[str]) -> Reader:
        reader = PatternReader(self, paths)
        for field in ("label", "serial"):
            self._check(reader.pattern, field)
        if self.camera is None and "perspective" not in reader.pattern.fields:
            raise UserError(
                f"layout.pattern={self.pattern} has no {{perspective}}; say where in the path it "
                f"stands, or add layout.camera={' or layout.camera='.join(Perspective)}."
            )
        return reader

    def namer(self, root: Path, paths: Sequence[str]) -> Callable[[str], Name]:
        words = self.words
        pattern = PathPattern(self.pattern, _spellings(self, words, paths))
        pattern.check(paths)
        self._check(pattern, "serial")

        def name(path: str) -> Name:
            said = pattern.match(path) or {}
            cameras = [words.camera(word) for word in said.get("perspective", [])]
            return Name(
                next(iter(said.get("serial", [])), None),
                next(iter(filter(None, cameras)), self.camera),
                int(next(filter(None, map(_number, said.get("shot", []))), 0)),
            )

        return name

    def _check(self, pattern: PathPattern, field: str) -> None:
        if field not in pattern.fields:
            raise UserError(
                f"layout.pattern={self.pattern} has no {{{field}}}; say where in the path it "
                "stands."
            )

    def values(self) -> dict[str, object]:
        return super().values() | {"pattern": self.pattern, "camera": self.camera}


def _number(text: str) -> str | None:
    """A shot's number without leading zeros; None for what is none."""
    return str(int(text)) if re.fullmatch(NUMBER, text) else None


def _spellings(layout: Layout, words: Vocabulary, paths: Sequence[str]) -> dict[str, set[str]]:
    """How the words of a field are written: as we know them, as they are given, as paths do."""
    fields = {
        "label": (words.label, LABEL_WORDS, layout.labels),
        "perspective": (words.camera, CAMERA_WORDS, layout.cameras),
        "split": (words.split, SPLIT_WORDS, {}),
    }
    found = {
        field: {word for kinds in known for some in kinds.values() for word in some}
        for field, (_, *known) in fields.items()
    }
    seen = {word for path in paths for word in _runs(path)}
    for field, (meaning, *_) in fields.items():
        found[field] |= {word for word in seen if meaning(word)}
    return found


def _runs(path: str) -> list[str]:
    """Words of a path, alone and up to three together, as they stand there."""
    ends = [0, *(found.end() for found in SEPARATORS.finditer(path))]
    starts = [*(found.start() for found in SEPARATORS.finditer(path)), len(path)]
    return [
        path[ends[first] : starts[last]]
        for first in range(len(ends))
        for last in range(first, min(first + 3, len(starts)))
        if "/" not in path[ends[first] : starts[last]]
    ]
