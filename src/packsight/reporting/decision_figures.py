"""A decision in pictures: what other thresholds would cost, and whether probabilities hold."""

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


def cost_figure(decision: Decision, score: np.ndarray, damaged: np.ndarray) -> Figure:
    """Cost and errors per 1,000 packages against the threshold; the decision's own are marked.

    Scores [N] are those of validation, each by a model that was not trained on the package.
    """
    thresholds = np.unique(np.clip(np.append(score, [0.5, EDGE, 1 - EDGE]), EDGE, 1 - EDGE))
    found = per_thousand(
        shares(score, damaged, thresholds, thresholds), decision.share, decision.costs
    )
    panels = 1 if decision.costs is None else 2
    figure = Figure(figsize=(5.2 * panels, 3.7), layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False).flat)
    if decision.costs is not None:
        axes[0].step(thresholds, found["cost"], where="pre", color=BLUE, label="one threshold")
        others = alternatives(score, damaged, decision.share, decision.costs)
        dashes = dict(zip(RULES, ("--", ":", "-."), strict=True))
        for name, label in RULES.items():
            if name in others:
                axes[0].axhline(others[name]["cost"], color="0.45", linestyle=dashes[name],
                                linewidth=1, label=label)  # fmt: skip
        cost = decision.figures.get("cost")
        if cost is not None and cost.value is not None:
            axes[0].errorbar(
                np.clip(decision.reject_from, EDGE, 1 - EDGE),
                cost.value,
                yerr=[[cost.value - (cost.low or 0)], [(cost.high or cost.value) - cost.value]],
                fmt="o",
                capsize=3,
                color=VERMILION,
                label="this decision, 95% interval",
            )
        axes[0].set_ylim(0, _ceiling(found["cost"], others, cost.high if cost else None))
        _finish(axes[0], decision, f"expected cost of {PER} packages")
    axes[-1].step(
        thresholds, found["missed_of_100_damaged"], where="pre", color=VERMILION,
        label="missed of 100 damaged",
    )  # fmt: skip
    axes[-1].step(
        thresholds, found["rejected_of_100_intact"], where="pre", color=BLUE, linestyle="--",
        label="rejected of 100 intact",
    )  # fmt: skip
    axes[-1].set_ylim(0, 100)
    _finish(axes[-1], decision, "packages of 100")
    return figure


def reliability_figure(decision: Decision, score: np.ndarray, damaged: np.ndarray) -> Figure:
    """The share of packages that are damaged against the probability, before and after.

    Both on validation's own share of damaged packages, for there they can be checked.
    """
    calibrated = shifted(decision.probability(score), decision.share, decision.calibration.share)
    before, after = reliability(score, damaged), reliability(calibrated, damaged)
    figure = Figure(figsize=(8.4, 4.1), layout="constrained")
    for axes, title, found in zip(
        figure.subplots(1, 2, sharey=True),
        ("before calibration", "after calibration"),
        (before, after),
        strict=True,
    ):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        _dots(axes, found)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="probability of damaged")
        axes.set_title(title, fontsize=10)
        axes.text(
            0.03, 0.97,
            f"calibration error {found.calibration_error:.3f}\nBrier score {found.brier:.3f}\n"
            f"log loss {found.log_loss:.3f}",
            va="top", fontsize=8, transform=axes.transAxes,
        )  # fmt: skip
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("share that is damaged")
    return figure


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
