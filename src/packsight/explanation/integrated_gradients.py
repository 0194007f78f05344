"""Integrated Gradients whose points adapt to each image until the map adds up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from packsight.explanation.attribution import FLOOR, TOLERANCE, Attribution, Scorer


@dataclass
class IntegratedGradients:
    """Integrated Gradients (Sundararajan et al. 2017) by the trapezoidal rule.

    Between two neighbouring points, gradients must add up to the difference of the two scores;
    where the whole does not, the parts that are furthest off get a point in their middle. A network
    is steep on a short piece of the path and even on the rest. Each gradient is computed once and
    brings its point's score, which Captum's rules for a fixed number of points do not allow.
    """

    baselines: Sequence[str] = ("black",)
    steps: int = 33  # points on the path that every image gets
    max_steps: int = 240  # points that a map may cost
    max_batch: int = 8  # points at once; more need more memory

    @property
    def title(self) -> str:
        return f"Integrated Gradients, {' + '.join(self.baselines)} baseline"

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W] under baselines [B, K, 3, H, W]; means over K."""
        paths = [
            _Path(image, baseline)
            for image, of_image in zip(images, baselines, strict=True)
            for baseline in of_image
        ]
        count = baselines.shape[1]
        limit = max(2, self.max_steps // count)
        even = torch.linspace(0, 1, max(2, min(self.steps, limit)), dtype=torch.float64).tolist()
        due = [(path, share) for path in paths for share in even]
        while due:
            for start in range(0, len(due), self.max_batch):
                _visit(scorer, due[start : start + self.max_batch])
            due = [(path, share) for path in paths for share in path.middles(limit)]
        return [_mean(paths[at : at + count]) for at in range(0, len(paths), count)]


class _Point(NamedTuple):
    """What is known where a path was visited."""

    score: float
    slope: Tensor  # gradient x (image - baseline), summed over colours, float32 [H, W]
    total: float  # sum of the slope


class _Path:
    """The straight line from a baseline to an image, and its points so far."""

    def __init__(self, image: Tensor, baseline: Tensor) -> None:
        self.image, self.baseline = image, baseline
        self.points: dict[float, _Point] = {}  # at shares of the way

    @property
    def parts(self) -> dict[tuple[float, float], float]:
        """Pieces between neighbouring points, and by how much the rule is off on each."""
        off = {}
        for begin, end in pairwise(sorted(self.points)):
            one, other = self.points[begin], self.points[end]
            mean = (one.total + other.total) / 2
            off[begin, end] = mean * (end - begin) - (other.score - one.score)
        return off

    @property
    def map(self) -> Tensor:
        """The slopes' integral along the path, float32 [H, W]."""
        colours = torch.zeros_like(self.image[0], dtype=torch.float64)
        for begin, end in pairwise(sorted(self.points)):
            both = self.points[begin].slope.double() + self.points[end].slope
            colours += both * ((end - begin) / 2)
        return colours.float()

    def middles(self, limit: int) -> list[float]:
        """Where to look next: in the middle of the parts that are furthest off, if at all."""
        off = self.parts
        rise = abs(self.points[1.0].score - self.points[0.0].score)
        allowed = TOLERANCE * max(rise, FLOOR)
        if abs(sum(off.values())) <= allowed:
            return []
        worst = sorted(off, key=lambda part: -abs(off[part]))[: limit - len(self.points)]
        # The others could not exceed what is allowed by themselves.
        least = max((abs(off[part]) / 4 for part in worst[:1]), default=0.0)
        least = max(least, allowed / len(off))
        return [(begin + end) / 2 for begin, end in worst if abs(off[begin, end]) >= least]


def _visit(scorer: Scorer, places: Sequence[tuple[_Path, float]]) -> None:
    """Score paths at shares of their way, with gradients."""
    images = torch.stack([torch.lerp(path.baseline, path.image, at) for path, at in places])
    with torch.enable_grad():
        images.requires_grad_()
        scores = scorer(images)
        (gradients,) = torch.autograd.grad(scores.sum(), images)
    ways = torch.stack([path.image - path.baseline for path, _ in places])
    slopes = (gradients * ways).sum(dim=1)
    # All numbers in one piece, because a GPU waits for each.
    numbers = torch.stack([scores.double(), slopes.double().sum(dim=(1, 2))], dim=1).tolist()
    for (path, at), slope, (score, total) in zip(places, slopes, numbers, strict=True):
        path.points[at] = _Point(score, slope, total)


def _mean(paths: Sequence[_Path]) -> Attribution:
    """The paths of one image as one; a sum of means adds up as its parts do."""
    return Attribution(
        torch.stack([path.map for path in paths]).mean(dim=0).cpu(),
        paths[0].points[1.0].score,
        sum(path.points[0.0].score for path in paths) / len(paths),
        sum(sum(path.parts.values()) for path in paths) / len(paths),
        sum(len(path.points) for path in paths),
    )
