"""Folders of labels alone: every image is a package of its own, seen by one camera."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.preparation.layout import IMAGE_SUFFIXES, Candidate, Name, Rejected
from packsight.preparation.reading import Layout, Reader
from packsight.preparation.vocabulary import Vocabulary


class ImageFolderReader(Reader):
    def __init__(self, words: Vocabulary, camera: str) -> None:
        super().__init__(words)
        self.camera = camera

    def read(self, path: str) -> Candidate | Rejected:
        pure = PurePosixPath(path)
        if pure.suffix.lower() not in IMAGE_SUFFIXES:
            return Rejected(path, "not an image")
        folders = pure.parent.parts
        named = [(word, label) for word in folders if (label := self.words.label(word))]
        if not named:
            return Rejected(path, "not in a folder of a label")
        # All of the path: images of one name may lie in several folders.
        serial = "_".join(pure.with_suffix("").parts)
        label = named[-1][1]
        image = Candidate(path, serial, self.camera, label, self.words.part(folders))
        return self.candidate(image, named[-1])


@dataclass(frozen=True)
class ImageFolderLayout(Layout):
    """`<label>/…/<any name>`; `camera` took all images."""

    camera: str | None = None
    kind = "imagefolder"

    @property
    def form(self) -> str:
        return "<label>/<any name> (label damaged or intact, or such words)"

    def reader(self, root: Path, paths: Sequence[str]) -> Reader:
        if self.camera is None:
            raise UserError(
                "layout=imagefolder does not tell which camera took the images; add "
                f"layout.camera={' or layout.camera='.join(Perspective)}."
            )
        return ImageFolderReader(self.words, self.camera)

    def namer(self, root: Path, paths: Sequence[str]) -> Callable[[str], Name]:
        return lambda path: Name(None, self.camera)

    def values(self) -> dict[str, object]:
        return super().values() | {"camera": self.camera}
