"""Integrated Gradients whose steps adapt to each image until the map adds up."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor

from packsight.explanation.attribution import FLOOR, TOLERANCE, Attribution, Scorer


@dataclass
class IntegratedGradients:
    """Integrated Gradients (Sundararajan et al. 2017), by Captum, on parts of the path.

    The path from baseline to image is cut into parts of `part_steps` Gauss-Legendre points each.
    Each part must add up to its own difference of scores; where the whole does not, the parts that
    are furthest off are halved. A network is steep on a short piece of the path and even on the
    rest, so that takes fewer points than doubling them all.
    """

    baselines: list[str]
    steps: int  # points on the path that every image gets
    part_steps: int  # points of a part
    max_steps: int  # points that a map may cost, all halvings together
    max_batch: int  # points at once; more need more memory

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
        first = max(1, round(self.steps / self.part_steps))
        cuts = torch.linspace(0, 1, first + 1, dtype=torch.float64).tolist()
        open_parts = [(path, start, end) for path in paths for start, end in pairwise(cuts)]
        self._score(scorer, [(path, end) for path in paths for end in (0.0, 1.0)])
        while open_parts:
            self._attribute(scorer, open_parts)
            short = [
                path for path in paths if path.falls_short(self.part_steps, self.max_steps // count)
            ]
            # Where the whole adds up, nobody asks what its parts' scores are.
            self._score(
                scorer, [(path, end) for path in short for part in path.parts for end in part]
            )
            open_parts = [
                (path, *part)
                for path in short
                for part in path.halved(self.part_steps, self.max_steps // count)
            ]
        return [self._mean(paths[at : at + count]) for at in range(0, len(paths), count)]

    def _score(self, scorer: Scorer, places: "list[tuple[_Path, float]]") -> None:
        """Score paths at shares of their way, where that is not known."""
        unknown = list(dict.fromkeys((path, at) for path, at in places if at not in path.scores))
        for start in range(0, len(unknown), self.max_batch):
            some = unknown[start : start + self.max_batch]
            with torch.no_grad():
                scores = scorer(torch.stack([path.at(share) for path, share in some])).tolist()
            for (path, share), score in zip(some, scores, strict=True):
                path.scores[share] = score

    def _attribute(self, scorer: Scorer, parts: "list[tuple[_Path, float, float]]") -> None:
        """Attribute parts of paths, as many at once as their points fit `max_batch`."""
        # One part is one of Captum's examples; its points are counted by internal_batch_size.
        at_once = max(1, self.max_batch // self.part_steps)
        method = CaptumIntegratedGradients(scorer, multiply_by_inputs=True)
        for start in range(0, len(parts), at_once):
            some_parts = parts[start : start + at_once]
            maps = method.attribute(
                torch.stack([path.at(end) for path, _, end in some_parts]),
                baselines=torch.stack([path.at(begin) for path, begin, _ in some_parts]),
                n_steps=self.part_steps,
                internal_batch_size=max(self.max_batch, len(some_parts)),
            )
            for (path, begin, end), colours in zip(some_parts, maps, strict=True):
                path.parts[begin, end] = colours.sum(dim=0)
                path.steps += self.part_steps

    def _mean(self, paths: "list[_Path]") -> Attribution:
        """The paths of one image as one; a sum of means adds up as its parts do."""
        maps = torch.stack([torch.stack(list(path.parts.values())).sum(dim=0) for path in paths])
        starts = [path.scores[0.0] for path in paths]
        return Attribution(
            maps.mean(dim=0).float().cpu(),
            paths[0].scores[1.0],
            sum(starts) / len(paths),
            sum(path.delta for path in paths) / len(paths),
            sum(path.steps for path in paths),
        )


class _Path:
    """The straight line from a baseline to an image, and what is known of its parts."""

    def __init__(self, image: Tensor, baseline: Tensor) -> None:
        self.image, self.baseline = image, baseline
        self.scores: dict[float, float] = {}  # at shares of the path
        self.parts: dict[tuple[float, float], Tensor] = {}  # float32 [H, W] each
        self.steps = 0

    def at(self, share: float) -> Tensor:
        """The image [3, H, W] at this share of the way."""
        if share in (0.0, 1.0):
            return self.image if share else self.baseline
        return torch.lerp(self.baseline, self.image, share)

    @property
    def delta(self) -> float:
        total = sum(part.double().sum().item() for part in self.parts.values())
        return total - (self.scores[1.0] - self.scores[0.0])

    @property
    def allowed(self) -> float:
        return TOLERANCE * max(abs(self.scores[1.0] - self.scores[0.0]), FLOOR)

    def falls_short(self, part_steps: int, max_steps: int) -> bool:
        """Whether the map does not add up, and another halving can be afforded."""
        return self.steps + 2 * part_steps <= max_steps and abs(self.delta) > self.allowed

    def halved(self, part_steps: int, max_steps: int) -> list[tuple[float, float]]:
        """Halves of the parts that are furthest off, to be attributed anew."""
        off = {
            (begin, end): abs(part.double().sum().item() - self.scores[end] + self.scores[begin])
            for (begin, end), part in self.parts.items()
        }
        worst = sorted(off, key=lambda part: -off[part])
        # The others could not exceed what is allowed by themselves.
        limit = max(off[worst[0]] / 4, self.allowed / len(worst))
        affordable = (max_steps - self.steps) // (2 * part_steps)
        chosen = [part for part in worst if off[part] >= limit][:affordable]
        halves = []
        for begin, end in chosen:
            del self.parts[begin, end]
            middle = (begin + end) / 2
            halves += [(begin, middle), (middle, end)]
        return halves
