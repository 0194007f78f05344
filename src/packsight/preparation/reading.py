"""What every layout shares: settings, and a reader that tells what a path is."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from packsight.preparation.layout import Candidate, Name, Rejected, serial_problem
from packsight.preparation.vocabulary import Vocabulary, Words, normal


class Reader(ABC):
    """Tells what the images of one source are."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.met: Counter[tuple[str, str]] = Counter()  # (word, what it was taken for)
        self.taken: list[str] = []  # files that were read for what they say of the images
        self.rejected: list[Rejected] = []  # what those files say in vain
        self.told = ""  # what else is to be known of how it reads

    @abstractmethod
    def read(self, path: str) -> Candidate | Rejected:
        """An image, or why it is none."""

    def candidate(self, image: Candidate, *words: tuple[str, str]) -> Candidate | Rejected:
        """The same image, if its serial can be one; its words are counted by their meaning."""
        if problem := serial_problem(image.serial):
            return Rejected(image.path, problem, image.serial)
        self.met.update(pair for pair in words if normal(pair[0]) != pair[1])
        plain = " ".join("".join(filter(str.isprintable, image.group)).split())
        return image if plain == image.group else replace(image, group=plain)


@dataclass(frozen=True)
class Layout(ABC):
    """How a source's images are named; `labels` and `cameras` are words of its own."""

    kind: ClassVar[str]
    labels: Words = field(default_factory=dict, kw_only=True)
    cameras: Words = field(default_factory=dict, kw_only=True)

    @property
    @abstractmethod
    def form(self) -> str:
        """What fits the layout, in words."""

    @abstractmethod
    def reader(self, root: Path, paths: Sequence[str]) -> Reader:
        """Of a source with these files. Raises UserError for settings that cannot be right."""

    @abstractmethod
    def namer(self, root: Path, paths: Sequence[str]) -> Callable[[str], Name]:
        """What tells serial and camera of these images, which need no label."""

    @property
    def words(self) -> Vocabulary:
        return Vocabulary(self.labels, self.cameras)

    def values(self) -> dict[str, Any]:
        """As JSON can hold it."""
        own = {key: [*words] for key, words in self.labels.items() if words}
        cameras = {str(key): [*words] for key, words in self.cameras.items() if words}
        return {"kind": self.kind, "labels": own, "cameras": cameras}

    def traced(self) -> dict[str, Any]:
        """The values, and what lies outside the source and decides what its images are."""
        return {"layout": self.values()}
