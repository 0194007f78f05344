"""Packages to accept, reject or inspect: a decision applied to what models gave."""

import pandas as pd

from packsight.data.pairing import PAIR
from packsight.decision.late_fusion import LateFusion, package_score
from packsight.decision.rule import Decided, Decision, Reason
from packsight.decision.terms import Action
from packsight.evaluation.metrics import located
from packsight.evaluation.verdicts import by_package

COLUMNS = ["decision", "reason", "calibrated"]
WORDS = {
    Reason.NO_SCORE: "without a usable image",
    Reason.NOT_LOCATED: "not found in the image",
    Reason.MISSING_CAMERA: "with a camera missing",
    Reason.UNSEEN_SCORE: "with a score that validation has not seen",
    Reason.SCORE: "in doubt by score",
}


def package_scores(
    predictions: pd.DataFrame, fusion: LateFusion | None, *keys: str
) -> pd.DataFrame:
    """One row per package (and `keys`) with the `probability` that decides, `cameras` and `sure`.

    `predictions` has a row per image, or per pair of them. Without a `fusion` one camera decides.
    """
    if predictions["perspective"].eq(PAIR).any():
        packages = predictions[["serial", *keys, "probability", "cameras"]]
        return packages.assign(sure=located(predictions)).reset_index(drop=True)
    packages = by_package(predictions, *keys)
    top, side = packages["probability_top"], packages["probability_side"]
    return packages.assign(probability=package_score(fusion, top, side))


def decide_packages(packages: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    """The table of `package_scores` with COLUMNS.

    `decision` is accept, reject or inspect, `reason` why, and `calibrated` the probability that
    such a package of the decision's line is damaged.
    """
    cameras = packages["cameras"].fillna("").tolist()
    found = decision.decide(packages["probability"], packages["sure"], cameras)
    return packages.assign(decision=found.action, reason=found.reason, calibrated=found.probability)


def told(packages: pd.DataFrame) -> str:
    """What became of the packages of `decide_packages`, and why some are inspected; a sentence."""
    counts = Decided(*(packages[column].to_numpy() for column in COLUMNS)).counts()
    actions = ", ".join(f"{counts[action]:,} {action}" for action in Action)
    inspected = packages["reason"][packages["decision"] == Action.INSPECT].value_counts()
    reasons = [f"{inspected[reason]:,} {WORDS[reason]}" for reason in WORDS if reason in inspected]
    because = f": {', '.join(reasons)}" if reasons else ""
    return f"of {len(packages):,} packages: {actions}{because}"
