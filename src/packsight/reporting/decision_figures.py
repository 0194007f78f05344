"""A decision in pictures: what other thresholds would cost, and whether probabilities hold."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from packsight.decision.calibration import NEVER
from packsight.decision.outcomes import PER, alternatives, per_thousand, shares
from packsight.decision.prior import shifted
from packsight.decision.reliability import Reliability, reliability
from packsight.decision.rule import Decision
from packsight.evaluation.figures import BLUE, GREEN, ORANGE, VERMILION

EDGE = 1e-4  # of the axis of scores
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
RULES = {
    "accept_all": "accept all", "reject_all": "reject all", "inspect_all": "inspect all",
}  # fmt: skip


def threshold_figures(decision: Decision, score: np.ndarray, damaged: np.ndarray) -> list[Figure]:
    """Cost, where there are costs, and errors against the threshold; the decision's are marked.

    Scores [N] are those of validation, each by a model that was not trained on the package.
    """
    places = np.unique(np.clip(np.append(score, [0.5, EDGE, 1 - EDGE]), EDGE, 1 - EDGE))
    found = per_thousand(shares(score, damaged, places, places), decision.share, decision.costs)
    figures = []
    if decision.costs is not None:
        others = alternatives(score, damaged, decision.share, decision.costs)
        figures.append(_cost_figure(decision, places, found["cost"], others))
    figure, axes = _panel()
    styles: list[tuple[str, str, dict[str, Any]]] = [
        ("missed_of_100_damaged", "missed of 100 damaged", {"color": VERMILION}),
        ("rejected_of_100_intact", "rejected of 100 intact", {"color": BLUE, "linestyle": "--"}),
    ]
    for name, label, style in styles:
        axes.step(places, found[name], where="pre", label=label, **style)
    axes.set_ylim(0, 100)
    _finish(axes, decision, "packages of 100")
    return [*figures, figure]


def _cost_figure(
    decision: Decision,
    places: np.ndarray,
    costs: np.ndarray,
    others: dict[str, dict[str, float]],
) -> Figure:
    figure, axes = _panel()
    axes.step(places, costs, where="pre", color=BLUE, label="one threshold")
    for (name, label), dashes in zip(RULES.items(), ("--", ":", "-."), strict=True):
        if name in others:
            axes.axhline(others[name]["cost"], color="0.45", linestyle=dashes, linewidth=1,
                         label=label)  # fmt: skip
    chosen = decision.figures.get("cost")
    top = None
    if chosen is not None and chosen.value is not None:
        low, top = chosen.low or 0, chosen.high or chosen.value
        place = np.clip(decision.reject_from, EDGE, 1 - EDGE)
        axes.errorbar(
            place, chosen.value, yerr=[[chosen.value - low], [top - chosen.value]], fmt="o",
            capsize=3, color=VERMILION, label="this decision, 95% interval",
        )  # fmt: skip
    axes.set_ylim(0, _ceiling(costs, others, top))
    _finish(axes, decision, f"expected cost of {PER} packages")
    return figure


def reliability_figures(decision: Decision, score: np.ndarray, damaged: np.ndarray) -> list[Figure]:
    """The share of packages that are damaged against the probability, before and after.

    Both on validation's own share of damaged packages, for there they can be checked.
    """
    calibrated = shifted(decision.probability(score), decision.share, decision.calibration.share)
    figures = []
    for title, probability in (
        ("before calibration", score),
        ("after calibration", calibrated),
    ):
        found = reliability(probability, damaged)
        figure, axes = _panel()
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        _dots(axes, found)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of damaged")
        axes.set_ylabel("share that is damaged")
        axes.set_title(title, fontsize=10)
        axes.text(
            0.03, 0.97,
            f"calibration error {found.calibration_error:.3f}\nBrier score {found.brier:.3f}\n"
            f"log loss {found.log_loss:.3f}",
            va="top", fontsize=8, transform=axes.transAxes,
        )  # fmt: skip
        axes.spines[["top", "right"]].set_visible(False)
        figures.append(figure)
    return figures


def _panel() -> tuple[Figure, Axes]:
    """A figure of a size that a phone can show."""
    figure = Figure(figsize=(4.8, 3.6), layout="constrained")
    return figure, figure.subplots()


def _dots(axes: Axes, found: Reliability) -> None:
    places = [one.probability for one in found.bins]
    rates = [one.damaged for one in found.bins]
    errors = [np.sqrt(rate * (1 - rate) / one.packages) for rate, one in zip(rates, found.bins,
                                                                          strict=True)]  # fmt: skip
    axes.errorbar(places, rates, yerr=errors, fmt="o-", color=GREEN, ecolor=ORANGE, capsize=3,
                  clip_on=False, zorder=3)  # fmt: skip


def _finish(axes: Axes, decision: Decision, name: str) -> None:
    """Scores as log odds, for thresholds crowd at the ends; the chosen ones as upright lines."""
    axes.set_xscale("logit")
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in TICKS]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    for place in {decision.accept_below, decision.reject_from}:
        if 0 < place < NEVER:
            axes.axvline(np.clip(place, EDGE, 1 - EDGE), color="black", linestyle=":", linewidth=1)
    axes.set(xlabel="threshold on the score", ylabel=name)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7)


def _ceiling(costs: np.ndarray, others: dict[str, dict[str, float]], high: float | None) -> float:
    """Room for what is near the best; a rule that costs many times as much is cut off."""
    least = min(float(costs.min()), *(figures["cost"] for figures in others.values()))
    return 1.05 * max(min(float(costs.max()), 8 * least), high or 0, 1e-9)
