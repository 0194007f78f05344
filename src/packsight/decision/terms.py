"""What is asked of a decision: its kind, costs, promises, and what a person looks at anyway."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    INSPECT = "inspect"  # a person looks, and is taken to be right


class Kind(StrEnum):
    """Where the thresholds come from."""

    COSTS = "costs"  # the cheapest
    PROMISE = "promise"  # what may happen at most
    FIXED = "fixed"  # set by hand


@dataclass(frozen=True)
class Costs:
    """What mistakes and inspections cost, in any one currency; None: nobody inspects."""

    missed: float  # a damaged package that is accepted
    false_reject: float  # an intact package that is rejected
    inspection: float | None = None  # of any package

    def __post_init__(self) -> None:
        if min(self.missed, self.false_reject) <= 0 or (self.inspection or 0) < 0:
            raise ValueError(f"{self}: mistakes cost more than 0, and an inspection at least 0")


@dataclass(frozen=True)
class Promise:
    """What may happen at most, all of it at once with one confidence (Bonferroni).

    Each is about packages of one label: `misses` is the share of damaged ones that are accepted,
    the others are shares of intact ones. None: not promised.
    """

    misses: float
    false_rejects: float | None = None
    inspections: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in (*self._made, self.confidence)):
            raise ValueError(f"{self}: what is promised, and its confidence, lie between 0 and 1")

    @property
    def _made(self) -> list[float]:
        bounds = (self.misses, self.false_rejects, self.inspections)
        return [bound for bound in bounds if bound is not None]

    @property
    def risk(self) -> float:
        """The chance with which each single promise may turn out broken."""
        return (1 - self.confidence) / len(self._made)


@dataclass(frozen=True)
class AlwaysInspect:
    """Packages that are sent to inspection whatever their score."""

    not_located: bool = True  # scored as a whole frame, which no score has been tested on
    missing_camera: bool = True  # one of the images that the decision rests on
    unseen_score: bool = True  # outside what validation has seen


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval; None where nothing defines it."""

    value: float | None
    low: float | None = None
    high: float | None = None
