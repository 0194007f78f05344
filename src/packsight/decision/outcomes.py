"""What two thresholds do to packages: the shares of each label, and the count per 1,000."""

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.calibration import NEVER
from packsight.decision.terms import Action, Costs

ACTIONS = tuple(Action)
PER = 1000  # packages


def shares(
    score: np.ndarray,
    damaged: np.ndarray,
    accept_below: ArrayLike,
    reject_from: ArrayLike,
    times: np.ndarray | None = None,
) -> np.ndarray:
    """Which share of each label meets which action, float64 [R, 2, 3], LABELS by ACTIONS.

    Thresholds are [R] or single; `times` [R, N] is how often a package stands in each table, once
    by default. Accepted is a score below `accept_below`, rejected one from `reject_from` on.
    """
    low, high = np.atleast_1d(accept_below)[:, None], np.atleast_1d(reject_from)[:, None]
    counted = np.ones((1, len(score))) if times is None else times
    accepted, rejected = counted * (score < low), counted * (score >= high)
    of_label = np.column_stack([~damaged, damaged]).astype(float)  # [N, 2]
    parts = np.stack([accepted @ of_label, rejected @ of_label], axis=-1)
    whole = np.broadcast_to((counted @ of_label)[..., None], (*parts.shape[:-1], 1))
    return np.concatenate([parts, whole - parts.sum(axis=-1, keepdims=True)], axis=-1) / whole


def per_thousand(of_labels: np.ndarray, share: float, costs: Costs | None) -> dict[str, np.ndarray]:
    """Figures of 1,000 packages, `share` of them damaged, from shares [..., 2, 3]; each [...].

    wrong_of_100_rejects is nan where nothing is rejected; cost is there where there are costs.
    """
    counts = PER * np.array([1 - share, share])[:, None] * of_labels
    accepted, rejected, inspected = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        wrong = 100 * rejected[..., 0] / rejected.sum(axis=-1)
    figures = {
        "misses": accepted[..., 1],
        "false_rejects": rejected[..., 0],
        "inspections": inspected.sum(axis=-1),
        "rejects": rejected.sum(axis=-1),
        "wrong_of_100_rejects": wrong,
        "missed_of_100_damaged": 100 * of_labels[..., 1, 0],
        "rejected_of_100_intact": 100 * of_labels[..., 0, 1],
    }
    if costs is None:
        return figures
    cost = costs.missed * figures["misses"] + costs.false_reject * figures["false_rejects"]
    if costs.inspection is not None:
        cost = cost + costs.inspection * figures["inspections"]
    return figures | {"cost": cost}


def alternatives(
    score: np.ndarray, damaged: np.ndarray, share: float, costs: Costs | None
) -> dict[str, dict[str, float]]:
    """The figures of what needs no fit: accept, reject or inspect all, and a threshold of 0.5.

    To inspect all is left out where nobody inspects.
    """
    rules = {"accept_all": (NEVER, NEVER), "reject_all": (0.0, 0.0), "at_0.5": (0.5, 0.5)}
    if costs is None or costs.inspection is not None:
        rules["inspect_all"] = (0.0, NEVER)
    return {
        name: {
            key: float(value)
            for key, value in per_thousand(shares(score, damaged, *rule)[0], share, costs).items()
        }
        for name, rule in rules.items()
    }
