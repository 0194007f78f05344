"""A line's file in several precisions: what each costs and gains."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy.stats import binomtest

from packsight.errors import UserError
from packsight.export.packages import Package
from packsight.export.validation import figures
from packsight.line.model import LineModel
from packsight.line.verdict import Verdict
from packsight.system.fitted_table import FittedTable

WARM, TIMED = 3, 30  # packages before those whose time is taken


@dataclass
class Tried:
    """The file in one precision, and what it is worth."""

    name: str
    megabytes: float  # of its networks
    line: LineModel  # as it is used for one package at a time
    verdicts: Sequence[Verdict]  # on validation packages
    same: int  # of these with fp32's decision
    told: Mapping[str, object] = field(default_factory=dict)  # what else to store of it
    milliseconds: float = 0.0  # a package, from files to decision

    @property
    def agreement(self) -> float:
        """The share of validation packages with fp32's decision."""
        return self.same / len(self.verdicts)

    def check_agreement(self, asked: float) -> None:
        """Raise UserError where fewer decisions stay the same than `asked` for."""
        if self.agreement < asked:
            raise UserError(
                f"no file was written: {self.name} decides {self.same} of {len(self.verdicts)} "
                f"validation packages ({self.agreement:.1%}) as fp32 does, and "
                f"agreement={asked:g} asks for more; use precision=fp32, or a lower agreement= if "
                "that is enough."
            )

    def to_dict(self) -> dict[str, object]:
        """What stays in the file."""
        return {
            "name": self.name,
            "megabytes": self.megabytes,
            "milliseconds": self.milliseconds,
            "agreement": self.agreement,
            "packages": len(self.verdicts),
            **self.told,
        }


def take_times(tried: Sequence[Tried], packages: Sequence[Package]) -> None:
    """Fill in the median time of a package: each goes through all files in turn.

    So what else the machine does slows all of them alike.
    """
    taken: dict[str, list[float]] = {item.name: [] for item in tried}
    for place, package in enumerate(packages[: WARM + TIMED]):
        for item in tried if place % 2 else reversed(tried):
            begun = time.perf_counter()
            item.line.decide(*package)
            taken[item.name].append(time.perf_counter() - begun)
    for item in tried:
        item.milliseconds = statistics.median(taken[item.name][WARM:] or taken[item.name]) * 1e3


def check_gain(full: Tried, half: Tried) -> None:
    """Raise UserError where fp16 is no faster than fp32."""
    if half.milliseconds >= full.milliseconds:
        raise UserError(
            f"no file was written: in fp16 a package takes {half.milliseconds:.1f} ms here, and in "
            f"fp32 {full.milliseconds:.1f} ms, so nothing is gained; use precision=fp32 or int8."
        )


def table_of(tried: Sequence[Tried], damaged: Mapping[str, bool]) -> FittedTable:
    """What each precision costs and gains; `damaged` by serial."""
    count = len(tried[0].verdicts)
    table = FittedTable(
        "What precisions cost and gain",
        ["", *(item.name for item in tried)],
        f"on {count} validation packages, each by models that did not learn it; decisions against "
        "those in fp32, with the share of all such packages that it is at least, with 95 % "
        "confidence",
    )
    rows = {
        "MB of networks": [f"{item.megabytes:.1f}" for item in tried],
        "ms a package": [f"{item.milliseconds:.1f}" for item in tried],
        "same decision": [f"{item.same} ({item.agreement:.1%})" for item in tried],
        "of all such, at least": [f"{_at_least(item):.1%}" for item in tried],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    known = [figures(item.verdicts, damaged) for item in tried]
    for name in known[0]:
        table.add_row(name, *(of[name] for of in known))
    return table


def _at_least(item: Tried) -> float:
    test = binomtest(item.same, len(item.verdicts), alternative="greater")
    return float(test.proportion_ci(0.95, method="exact").low)
