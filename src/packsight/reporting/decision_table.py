"""A decision in words and numbers, for the terminal."""

from collections.abc import Mapping

from rich.markup import escape

from packsight.decision.rule import Decision
from packsight.decision.terms import Figure, Kind, Promise
from packsight.domain import LABELS
from packsight.system.fitted_table import FittedTable

SHOWN = {
    "misses": "missed", "false_rejects": "wrongly rejected", "inspections": "inspected",
    "cost": "cost",
}  # fmt: skip
OTHERS = {
    "accept_all": "accept all", "reject_all": "reject all", "inspect_all": "inspect all",
    "at_0.5": "reject from 0.5",
}  # fmt: skip


def decision_table(
    decision: Decision, title: str, others: Mapping[str, Mapping[str, float]]
) -> FittedTable:
    """What a decision does to 1,000 packages, with 95 % intervals, above what needs no decision."""
    shown = {name: words for name, words in SHOWN.items() if name in decision.figures}
    intact, damaged = (decision.packages[label] for label in LABELS)
    table = FittedTable(
        f"per 1,000 packages, {1000 * decision.share:g} of them damaged",
        ("", *shown.values()),
        f"{escape(title)}: 95% intervals, from {intact} intact and {damaged} damaged validation "
        "packages.",
    )
    table.add_row("this decision", *(interval(decision.figures[name]) for name in shown))
    for name, figures in others.items():
        table.add_row(f"[dim]{OTHERS[name]}[/]", *(_number(figures[key]) for key in shown))
    return table


def sentences(decision: Decision, title: str, candidates: int) -> list[str]:
    """Which models serve, what happens to a package, and what rests on what."""
    low, high = decision.accept_below, decision.reject_from
    best = f", the best of {candidates} by validation" if candidates > 1 else ""
    told = [f"{title} serves{best}."]
    if low == high:
        one = "always" if low <= 0 else "never" if low > 1 else ""
        told.append(
            f"A package is {one} rejected."
            if one
            else f"A package is rejected from a score of {low:.4g} on, and else accepted."
        )
    else:
        band = f"accepted below a score of {low:.4g}" if low > 0 else "never accepted"
        end = f"rejected from {high:.4g} on" if high <= 1 else "never rejected"
        told.append(f"A package is {band}, {end}, and else inspected.")
    wrong = decision.figures["wrong_of_100_rejects"]
    if wrong.value is not None:
        told.append(
            f"Of 100 rejected packages {wrong.value:.0f} are intact ({wrong.low:.0f} to "
            f"{wrong.high:.0f})."
        )
    if decision.kind == Kind.PROMISE and decision.promise is not None:
        told.append(
            f"With {decision.promise.confidence:.1%} confidence it keeps its promise: "
            f"{_promised(decision.promise)}."
        )
    if any(len(names) > 1 for names in decision.runs.values()):
        told.append(
            "What was tested are the models of the folds, each on packages that it did not learn "
            "from; what serves is the mean of their scores."
        )
    return told


def interval(figure: Figure) -> str:
    """A figure with its 95 % interval."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    return f"{_number(figure.value)} [dim]{_number(figure.low)}–{_number(figure.high)}[/]"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _promised(promise: Promise) -> str:
    parts = [f"at most {promise.misses:.1%} of damaged packages are missed"]
    if promise.false_rejects is not None:
        parts.append(f"at most {promise.false_rejects:.1%} of intact ones are rejected")
    if promise.inspections is not None:
        parts.append(f"at most {promise.inspections:.1%} of intact ones are inspected")
    return ", ".join(parts)
