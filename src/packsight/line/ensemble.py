"""Several models as one: the mean of their probabilities, as of the models of all folds."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from packsight.imaging.window import Window
from packsight.line.view import View


class Member(Protocol):
    """A model in use: with torch a `Predictor`, on the line a network in ONNX Runtime."""

    @property
    def view(self) -> View: ...

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of inputs that the view composed."""


M = TypeVar("M", bound=Member)


class Alike(NamedTuple):
    """Members that see every frame alike, by their places."""

    view: View
    members: list[int]


class Ensemble(Generic[M]):
    """Models whose probability is the mean of theirs.

    A frame comes in decoded once. It is located and cropped once for all models that see it alike,
    as models of one configuration that were trained on the same data do.
    """

    def __init__(self, members: Sequence[M]) -> None:
        self.members = list(members)
        self.views: list[Alike] = []
        for place, member in enumerate(self.members):
            alike = [seen for seen in self.views if seen.view.sees_like(member.view)]
            if alike:
                alike[0].members.append(place)
            else:
                self.views.append(Alike(member.view, [place]))

    @property
    def paired(self) -> bool:
        return self.members[0].view.paired

    def look(self, frame: np.ndarray, camera: str) -> tuple[list[np.ndarray], str]:
        """What each view gets of an RGB uint8 frame [H, W, 3], and how it was cropped."""
        windows, crop = self.locate(frame, camera)
        return self.cut(frame, windows), crop

    def locate(self, frame: np.ndarray, camera: str) -> tuple[list[Window], str]:
        """Each view's window of a frame; frame where any of them did not find the package."""
        found = [seen.view.window(frame, camera) for seen in self.views]
        windows, crops = zip(*found, strict=True)
        return [*windows], "frame" if "frame" in crops else crops[0]

    def cut(self, frame: np.ndarray, windows: Sequence[Window]) -> list[np.ndarray]:
        """The image of each view's window."""
        pairs = zip(self.views, windows, strict=True)
        return [window.cut(frame, seen.view.size) for seen, window in pairs]

    def compose(self, images: Mapping[str, Sequence[np.ndarray]]) -> list[np.ndarray]:
        """Each view's input, from {camera: what its views saw}."""
        return [
            seen.view.compose({camera: views[place] for camera, views in images.items()})
            for place, seen in enumerate(self.views)
        ]

    def probabilities(self, images: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Mean probability of damaged, float64 [N], of inputs that `compose` made."""
        total = np.zeros(len(images))
        for place, alike in enumerate(self.views):
            seen = [image[place] for image in images]
            for member in alike.members:
                total += self.members[member].probabilities(seen)
        return total / len(self.members)
