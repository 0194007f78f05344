"""Fit a decision on validation packages, with what it is expected to do."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.calibration import Method, inverse
from packsight.decision.calibration_fit import (
    checked,
    fit_calibration,
    fit_isotonic,
    fit_many,
)
from packsight.decision.certainty import RESAMPLES, Refit, figures
from packsight.decision.costs import bayes_thresholds, cost_thresholds
from packsight.decision.late_fusion import LateFusion
from packsight.decision.logits import logit
from packsight.decision.promise import keep_promise, promised_thresholds
from packsight.decision.rule import Decision
from packsight.decision.terms import AlwaysInspect, Costs, Kind, Promise
from packsight.domain import LABELS
from packsight.errors import UserError


def fit_decision(
    score: ArrayLike,
    damaged: ArrayLike,
    *,
    kind: Kind,
    share: float,
    runs: Mapping[str, Sequence[str]],
    cameras: Sequence[str],
    fusion: LateFusion | None = None,
    costs: Costs | None = None,
    promise: Promise | None = None,
    thresholds: tuple[float, float] | None = None,
    always_inspect: AlwaysInspect | None = None,
    resamples: int = RESAMPLES,
) -> Decision:
    """The decision that validation packages give, a score [N] and label [N] for each package.

    The scores are those of the serving runs, or of models like them that were not trained on the
    package. COSTS needs `costs`, PROMISE a `promise`, FIXED the `thresholds` accept_below and
    reject_from; with `costs`, every kind tells what it costs. Raises UserError for packages of one
    label, and for a promise that so few of them cannot prove.
    """
    scores, label = checked(score, damaged)
    calibration = fit_calibration(scores, label)
    refit: Refit
    if kind == Kind.COSTS:
        assert costs is not None, "the kind COSTS rests on costs"
        low, high = cost_thresholds(costs, share, calibration)
        refit = partial(_cheapest, costs, share, calibration.method)
    elif kind == Kind.PROMISE:
        assert promise is not None, "the kind PROMISE rests on a promise"
        low, high = keep_promise(promise, scores, label)
        refit = partial(promised_thresholds, promise)
    else:
        assert thresholds is not None, "the kind FIXED rests on thresholds"
        low, high = thresholds
        if not 0 <= low <= high:
            raise UserError(
                f"accept_below={low} and reject_from={high} leave no order; give accept_below a "
                "number of at least 0 that is not above reject_from."
            )
        refit = partial(_by_hand, thresholds)
    return Decision(
        kind=kind,
        runs={camera: tuple(names) for camera, names in runs.items()},
        cameras=tuple(cameras),
        fusion=fusion,
        calibration=calibration,
        share=share,
        accept_below=low,
        reject_from=high,
        seen=(float(scores.min()), float(scores.max())),
        packages={name: int((label == index).sum()) for index, name in enumerate(LABELS)},
        costs=costs,
        promise=promise if kind == Kind.PROMISE else None,
        always_inspect=always_inspect or AlwaysInspect(),
        figures=figures(scores, label, refit, share, costs, resamples),
    )


def _cheapest(
    costs: Costs,
    share: float,
    method: Method,
    score: np.ndarray,
    damaged: np.ndarray,
    times: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """`cost_thresholds` in R tables at once, the calibration fitted anew in each; [R] each."""
    if method == Method.ISOTONIC:
        curves = [fit_isotonic(score, damaged, weight) for weight in times]
        found = np.array([cost_thresholds(costs, share, curve) for curve in curves])
        return found[:, 0], found[:, 1]
    slope, intercept = fit_many(method, score, damaged, times)
    shift = logit(share) - logit(times @ damaged / times.sum(axis=1))
    low, high = (inverse(slope, intercept, logit(p) - shift) for p in bayes_thresholds(costs))
    return low, high


def _by_hand(
    thresholds: tuple[float, float], score: np.ndarray, damaged: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    low, high = thresholds
    return np.full(len(times), low), np.full(len(times), high)
