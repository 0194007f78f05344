"""Whether a line's file answers as the models that it was made from do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision
from packsight.errors import UserError
from packsight.export.packages import Package
from packsight.line.ensemble import Ensemble
from packsight.line.package import Inspector
from packsight.line.verdict import ImageSeen, Verdict
from packsight.system.console import counted
from packsight.system.fitted_table import FittedTable
from packsight.system.parallel import on_all_cores

PROBABILITY = 1e-4  # by which a probability may differ, in fp32
WINDOW = 1.0  # pixel by which a window may
BATCH = 8
Models = Mapping[str, Ensemble[Any]]
Groups = Mapping[tuple[tuple[int, ...], ...], Sequence[Package]]


@dataclass(frozen=True)
class Parity:
    """How far two ways from file to decision lie apart."""

    packages: int
    images: int
    probability: float  # the largest difference, of images and of packages
    window: float  # the same in pixels
    decisions: int  # packages with another decision or reason

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def check(self) -> None:
        """Raise UserError where the file does not answer as its models do."""
        if self.probability > PROBABILITY or self.window > WINDOW or self.decisions:
            raise UserError(
                f"no file was written: on {self.packages} packages it differs from the models by "
                f"{self.probability:.1e} in probability (at most {PROBABILITY:.0e} is allowed), "
                f"{self.window:.2f} pixels in windows (at most {WINDOW:g}) and in "
                f"{self.decisions} decisions (none); report it with what scripts/doctor.py prints."
            )

    def table(self) -> FittedTable:
        """What was compared, and how far it may differ."""
        table = FittedTable(
            "From file to decision, against the models",
            ["largest difference", "found", "allowed"],
            f"{self.images} validation and test images of {self.packages} packages",
        )
        table.add_row("probability", f"{self.probability:.1e}", f"{PROBABILITY:.0e}")
        table.add_row("window, pixels", f"{self.window:.2f}", f"{WINDOW:g}")
        table.add_row("decisions", str(self.decisions), "0")
        return table


def compared(originals: Sequence[Verdict], others: Sequence[Verdict]) -> Parity:
    """Two verdicts on each package, in the same order."""
    pairs = [*zip(originals, others, strict=True)]
    images = [seen for one, other in pairs for seen in zip(one.images, other.images, strict=True)]
    scores = [_apart(one.score, other.score) for one, other in pairs]
    scores += [_apart(one.score, other.score) for one, other in images]
    return Parity(
        len(pairs),
        len(images),
        max(scores, default=0.0),
        max((_windows_apart(*seen) for seen in images), default=0.0),
        sum((a.decision, a.reason) != (b.decision, b.reason) for a, b in pairs),
    )


def verdicts(
    models: Models,
    fusion: LateFusion | None,
    decision: Decision | None,
    packages: Sequence[Package],
    title: str,
) -> list[Verdict]:
    """The verdicts of models on packages, on all cores."""
    inspector = Inspector(models, fusion, decision)

    def work(chunk: Sequence[Package]) -> list[Verdict]:
        return [inspector.decide(serial, images) for serial, images in chunk]

    found: list[Verdict] = []
    with counted(title, len(packages), "packages") as advance:
        for some in on_all_cores(work, packages, BATCH, torch.device("cpu")):
            found += some
            advance(len(some))
    return found


def on_validation(
    models: Models,
    fusion: LateFusion | None,
    decision: Decision | None,
    groups: Groups,
    title: str,
) -> list[Verdict]:
    """The verdicts on validation packages, each by those members alone that did not learn it."""
    found: list[Verdict] = []
    for places, packages in groups.items():
        members = {
            part: Ensemble([model.members[place] for place in some])
            for (part, model), some in zip(models.items(), places, strict=True)
        }
        found += verdicts(members, fusion, decision, packages, title)
    return found


def _apart(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs(one - other)


def _windows_apart(one: ImageSeen, other: ImageSeen) -> float:
    if one.window is None or other.window is None:
        return 0.0 if one.window is other.window else float("inf")
    return max(abs(a - b) for a, b in zip(one.window, other.window, strict=True))
