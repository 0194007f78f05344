"""What is to be done with each new package, on a line with this share of damaged ones."""

from math import isfinite
from typing import Literal

import pandas as pd

from packsight.decision.prior import estimate_share
from packsight.decision.rule import Decision, Reason
from packsight.decision.terms import Kind
from packsight.evaluation.decided import decide_packages
from packsight.system.console import console

Prior = float | Literal["estimate"]  # the share of damaged packages on this line


def decide_all(
    packages: pd.DataFrame, serials: pd.Series, decision: Decision, prior: Prior | None = None
) -> pd.DataFrame:
    """A row for every package of which there is a file, with what is decided about it.

    `packages` are those that have a score, as of `package_scores`; one without is inspected.
    """
    named = pd.DataFrame({"serial": sorted(set(serials))})
    packages = packages.merge(named, on="serial", how="right")
    packages = packages.fillna({"cameras": "", "predicted": ""})
    packages = packages.assign(sure=packages["sure"].eq(True))  # false without a score
    if prior == "estimate":
        prior = _estimated(packages, decision)  # None: nothing to go by
    if prior is not None:
        stay = (
            "" if decision.kind == Kind.COSTS else f"; thresholds of decision={decision.kind} stay"
        )
        console.print(
            f"prior: {prior:.3%} of packages damaged, not {decision.share:.3%}{stay}",
            highlight=False,
            soft_wrap=True,
        )
        decision = decision.at_share(prior)
    return decide_packages(packages, decision)


def _estimated(packages: pd.DataFrame, decision: Decision) -> float | None:
    """The share of damaged ones among packages whose scores can be gone by.

    None where their scores tell nothing. Raises UserError for no package at all.
    """
    reasons = decide_packages(packages, decision)["reason"]
    usual = packages[reasons.isin([Reason.SCORE, Reason.UNSEEN_SCORE])]
    calibrated = decision.calibration.apply(usual["probability"])
    found = estimate_share(calibrated, decision.calibration.share)
    console.print(
        f"prior=estimate: {found.share:.2%} of {found.packages} packages damaged, with a standard "
        f"error of {found.standard_error:.2%}",
        highlight=False,
        soft_wrap=True,
    )
    if found.uncertain:
        console.print(
            "[yellow]uncertain:[/] these packages are too few, or the models tell them too badly "
            "apart, to go by that share; give prior=<share> if you know it",
            soft_wrap=True,
        )
    return found.share if isfinite(found.standard_error) else None
