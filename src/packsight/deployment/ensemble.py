"""Several models as one: the mean of their probabilities, as of the models of all folds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from packsight.deployment.predictor import Predictor
from packsight.imaging.belt_file import pack_belts


class View(NamedTuple):
    """Models that see every frame alike, by their places among the members."""

    of: Predictor
    members: list[int]


class Ensemble:
    """Models whose probability is the mean of theirs; used as a `Predictor` by `score`.

    A frame comes in decoded once. It is located and cropped once for all models that see it alike,
    as models of one configuration that were trained on the same data do.
    """

    def __init__(self, members: Sequence[Predictor]) -> None:
        self.members = list(members)
        self.device = self.members[0].device
        self.views: list[View] = []
        for place, member in enumerate(self.members):
            alike = [view for view in self.views if sees_alike(view.of, member)]
            if alike:
                alike[0].members.append(place)
            else:
                self.views.append(View(member, [place]))

    def look(self, frame: np.ndarray, camera: str) -> tuple[list[np.ndarray], str]:
        """What each view gets of an RGB uint8 frame [H, W, 3], and how it was cropped.

        frame where any of them did not find the package.
        """
        seen, crops = zip(*(view.of.look(frame, camera) for view in self.views), strict=True)
        return [*seen], "frame" if "frame" in crops else crops[0]

    def compose(self, images: Mapping[str, Sequence[np.ndarray]]) -> list[np.ndarray]:
        """Each view's input, from {camera: what its views saw}."""
        return [
            view.of.compose({camera: seen[place] for camera, seen in images.items()})
            for place, view in enumerate(self.views)
        ]

    def probabilities(self, images: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Mean probability of damaged, float64 [N], of inputs that `compose` made."""
        total = np.zeros(len(images))
        for place, view in enumerate(self.views):
            seen = [image[place] for image in images]
            for member in view.members:
                total += self.members[member].probabilities(seen)
        return total / len(self.members)


def sees_alike(one: Predictor, other: Predictor) -> bool:
    """Whether two models get the same image of every frame."""
    if (one.size, one.crop, one.paired) != (other.size, other.crop, other.paired):
        return False
    belts, others = pack_belts(one.belts), pack_belts(other.belts)
    return belts.keys() == others.keys() and all(
        np.array_equal(belts[name], others[name]) for name in belts
    )
