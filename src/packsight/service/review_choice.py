"""Which packages of a line are most worth a label: those that models learn most from."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from packsight.decision.calibration import CLIP
from packsight.decision.logits import logit
from packsight.decision.terms import Action
from packsight.ledger.ledger_entries import Entry
from packsight.line.reference import Reference, measures
from packsight.line.verdict import ImageSeen, Verdict

WATCHED = (
    "brightness",
    "sharpness",
    "rows",
    "columns",
    "x",
    "y",
    "width",
    "height",
)  # a package's strangeness
NEAR = 2.0  # logits from a threshold, within which a score is near it
APART = 2.0  # logits between cameras that disagree
STRANGE = 0.5  # of the span of validation's values, by which one lies beyond them
FEWEST = 8  # values of validation that tell what is strange
EACH = 8  # packages kept of a reason and a part of the time


class Worth(NamedTuple):
    """Why a package is worth a label, and how much beside others of the same reason."""

    reason: str
    strength: float


@dataclass(frozen=True)
class Chosen:
    entry: Entry
    reasons: tuple[str, ...]  # the first is what it was chosen for


class Worths:
    """Weighs packages by a decision's thresholds and what validation looked like."""

    def __init__(self, thresholds: Sequence[float], reference: Reference) -> None:
        """`thresholds` are on the raw score."""
        # A decision that never rejects has a threshold beyond every score.
        self._thresholds = [float(logit(one, CLIP)) for one in thresholds if 0 < one < 1]
        self._still = {camera: held.profile for camera, held in reference.cameras.items()}
        self._spans = {
            (camera, name): (min(values), max(values))
            for camera, held in reference.cameras.items()
            for name in WATCHED
            if len(values := getattr(held, name)) >= FEWEST and min(values) < max(values)
        }

    def of(self, verdict: Verdict) -> list[Worth]:
        """The reasons that hold for a package, the strongest first."""
        found = [
            Worth("threshold", 1 - self._distance(verdict.score) / NEAR),
            Worth("cameras", _disagreement(verdict.images) / APART - 1),
            Worth("drifted", max(map(self._strangeness, verdict.images), default=0) - STRANGE),
            Worth("inspected", 0.5 if verdict.decision == Action.INSPECT else 0),
        ]
        return sorted((worth for worth in found if worth.strength > 0), key=lambda w: -w.strength)

    def _distance(self, score: float | None) -> float:
        if score is None or not self._thresholds:
            return np.inf
        own = float(logit(score, CLIP))
        return min(abs(own - one) for one in self._thresholds)

    def _strangeness(self, image: ImageSeen) -> float:
        """How far an image lies beyond all of validation, in spans of it."""
        beyond = [0.0]
        for name, value in measures(image, self._still.get(image.camera, "")).items():
            if (image.camera, name) in self._spans:
                low, high = self._spans[image.camera, name]
                beyond.append(max(low - value, value - high) / (high - low))
        return max(beyond)


def choose(
    entries: Iterable[Entry], worths: Worths, count: int, start: float, end: float
) -> list[Chosen]:
    """At most `count` packages, shared among reasons and over the time, each serial once.

    `start` and `end` are the times of the first and the last entry. Memory does not grow with
    their number.
    """
    parts = max(count, 10)
    width = max((end - start) / parts, 1e-9)
    held: dict[tuple[str, int], list[tuple[float, int, Chosen]]] = {}
    for entry in entries:
        found = worths.of(entry.verdict)
        for worth in found:
            part = min(int((entry.at - start) / width), parts - 1)
            kept = held.setdefault((worth.reason, part), [])
            others = (one.reason for one in found if one.reason != worth.reason)
            item = (worth.strength, entry.id, Chosen(entry, (worth.reason, *others)))
            (heapq.heappush if len(kept) < EACH else heapq.heappushpop)(kept, item)
    pools: dict[str, list[tuple[int, float, Chosen]]] = {}
    for (reason, part), kept in held.items():
        pools.setdefault(reason, []).extend((part, strength, one) for strength, _, one in kept)
    return list(_in_turn(pools, count))


def _in_turn(pools: dict[str, list[tuple[int, float, Chosen]]], count: int) -> Iterator[Chosen]:
    """A package of each reason in turn: the strongest of the time that has the fewest so far."""
    used: Counter[int] = Counter()
    serials: set[str] = set()
    while pools and count:
        for reason in sorted(pools):
            pool = [one for one in pools[reason] if one[2].entry.verdict.serial not in serials]
            if not pool or not count:
                del pools[reason]
                continue
            part, _, chosen = best = min(pool, key=lambda one: (used[one[0]], -one[1]))
            pools[reason] = [one for one in pool if one is not best]
            used[part] += 1
            serials.add(chosen.entry.verdict.serial)
            count -= 1
            yield chosen


def _disagreement(images: Sequence[ImageSeen]) -> float:
    """Logits between the cameras' scores; 0 for one camera."""
    scores = logit([image.score for image in images if image.score is not None], CLIP)
    return float(np.ptp(scores)) if len(scores) > 1 else 0.0
