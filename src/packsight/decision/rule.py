"""The decision itself: how a score becomes accept, reject or inspect; in plain NumPy.

Stored as decision.json beside the runs that it is about, and read wherever packages are decided on.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.calibration import CLIP, Calibration
from packsight.decision.costs import cost_thresholds
from packsight.decision.late_fusion import LateFusion
from packsight.decision.logits import expit, logit
from packsight.decision.prior import shifted
from packsight.decision.stored import restored
from packsight.decision.terms import Action, AlwaysInspect, Costs, Figure, Kind, Promise
from packsight.errors import UserError
from packsight.system.files import read_json, reading, write_json

FILE = "decision.json"
FORMAT = 1
REMEDY = "fit the decision again"
MARGIN = 0.1  # of the span of validation's logits, by which a score may lie beyond them


class Reason(StrEnum):
    """Why a package is decided on as it is."""

    SCORE = "score"
    NO_SCORE = "no_score"  # no image of it can be used
    NOT_LOCATED = "not_located"
    MISSING_CAMERA = "missing_camera"
    UNSEEN_SCORE = "unseen_score"


@dataclass(frozen=True)
class Decided:
    """What is to be done with packages, and why; each [N]."""

    action: np.ndarray  # text, an Action
    reason: np.ndarray  # text, a Reason
    probability: np.ndarray  # of damaged, calibrated, on this line; nan without a score

    def counts(self) -> dict[str, int]:
        """How many packages met each action, and each reason but the score."""
        of_action = {action.value: int((self.action == action).sum()) for action in Action}
        others = [reason for reason in Reason if reason != Reason.SCORE]
        return of_action | {reason.value: int((self.reason == reason).sum()) for reason in others}


@dataclass(frozen=True)
class Decision:
    """Thresholds on the score, and all that is needed to apply and to defend them.

    A score is the probability that the serving runs give, their mean, fused over the cameras. A
    package is accepted below `accept_below`, rejected from `reject_from` on and inspected between.
    """

    kind: Kind
    runs: dict[str, tuple[str, ...]]  # of a camera, or of both: one run, or those of all folds
    cameras: tuple[str, ...]  # whose images a package must have
    fusion: LateFusion | None  # of two models' scores
    calibration: Calibration
    share: float  # of damaged packages on the line
    accept_below: float
    reject_from: float
    seen: tuple[float, float]  # the lowest and the highest score of validation
    packages: dict[str, int]  # of validation, that all of it rests on; by label
    costs: Costs | None = None
    promise: Promise | None = None
    always_inspect: AlwaysInspect = field(default_factory=AlwaysInspect)
    figures: dict[str, Figure] = field(default_factory=dict)  # per 1,000 packages
    by_default: bool = False  # made at the end of a sweep, which replaces none that was asked for

    def __post_init__(self) -> None:
        if not 0 <= self.accept_below <= self.reject_from:
            raise ValueError(
                f"accept_below {self.accept_below} and reject_from {self.reject_from} are no "
                "rising thresholds"
            )
        if not 0 < self.share < 1:
            raise ValueError(f"share {self.share} does not lie between 0 and 1")

    def probability(self, score: ArrayLike) -> np.ndarray:
        """The probability that a package of this line is damaged, float64 [N]; nan stays nan."""
        return shifted(self.calibration.apply(score), self.calibration.share, self.share)

    def decide(
        self,
        score: ArrayLike,
        located: ArrayLike | None = None,
        cameras: Sequence[str] | None = None,
    ) -> Decided:
        """What to do with packages of these scores [N], nan where there is none.

        `located` [N] says whether each was found in its images, `cameras` [N] which it has, such as
        "top+side"; None: all are. The first reason that holds is the one that is told.
        """
        values = np.atleast_1d(np.asarray(score, dtype=float))
        low, high = self._familiar()
        rules = self.always_inspect
        found = np.full(len(values), True) if located is None else np.asarray(located, bool)
        held = np.full(len(values), Reason.SCORE.value, dtype=object)
        for applies, holds, reason in (  # the last one that holds stands
            (rules.unseen_score, (values < low) | (values > high), Reason.UNSEEN_SCORE),
            (rules.missing_camera, self._lacks_camera(values, cameras), Reason.MISSING_CAMERA),
            (rules.not_located, ~found, Reason.NOT_LOCATED),
            (True, np.isnan(values), Reason.NO_SCORE),
        ):
            held[np.asarray(holds) & applies] = reason.value
        by_score = [held != Reason.SCORE, values < self.accept_below, values >= self.reject_from]
        action = np.select(by_score, [Action.INSPECT, Action.ACCEPT, Action.REJECT], Action.INSPECT)
        return Decided(action.astype(str), held.astype(str), self.probability(values))

    def at_share(self, share: float) -> "Decision":
        """The same on a line with another share of damaged packages.

        Costs give other thresholds there; what was promised or set by hand stays. The figures are
        left out, for they were of the old share.
        """
        moved = replace(self, share=share, figures={})
        if self.kind != Kind.COSTS:
            return moved
        assert self.costs is not None
        low, high = cost_thresholds(self.costs, share, self.calibration)
        return replace(moved, accept_below=low, reject_from=high)

    def _familiar(self) -> tuple[float, float]:
        """The lowest and highest score that are still like those of validation."""
        low, high = logit(self.seen, CLIP)
        margin = MARGIN * (high - low)
        return float(expit(low - margin)), float(expit(high + margin))

    def _lacks_camera(self, values: np.ndarray, cameras: Sequence[str] | None) -> np.ndarray:
        if cameras is None:
            return np.full(len(values), False)
        needed = set(self.cameras)
        return np.array([not needed <= set(has.split("+")) for has in cameras], dtype=bool)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {"format": FORMAT} | asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Decision":
        """The inverse of `to_dict`. Raises ValueError or TypeError for what is no decision."""
        if values.get("format") != FORMAT:
            raise UserError(
                f"the decision has format {values.get('format')}, and this packsight reads "
                f"{FORMAT}; {REMEDY}, or use the packsight that wrote it."
            )
        known = {key: value for key, value in values.items() if key != "format"}
        found: Decision = restored(cls, known)
        return found


def write_decision(decision: Decision, folder: Path) -> Path:
    """Store a decision as decision.json in a folder; return the file."""
    write_json(folder / FILE, decision.to_dict())
    return folder / FILE


def read_decision(file: str | Path) -> Decision:
    """The decision of a decision.json. Raises UserError where it is missing or damaged."""
    file = Path(file)
    values = read_json(file, ["format"], REMEDY)
    with reading(file, "a decision", REMEDY):
        return Decision.from_dict(values)
