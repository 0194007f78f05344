"""Fit a calibration on validation packages, and choose between its methods."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedKFold

from packsight.decision.calibration import CLIP, Calibration, Method
from packsight.decision.logits import expit, logit
from packsight.errors import UserError

PARTS = 10  # of the packages, to compare the methods on those that the fit has not seen
ENOUGH_FOR_ISOTONIC = 200  # packages; with fewer it follows single ones
STEPS = 60
LONGEST = 2.0  # of a step, in standard deviations of the logits


def fit_calibration(
    score: ArrayLike, damaged: ArrayLike, method: Method | None = None
) -> Calibration:
    """The calibration of scores [N] of validation packages, a score per package.

    Without a method, the one that `choose_method` prefers. Raises UserError unless both labels
    are there.
    """
    scores, label = checked(score, damaged)
    if method is None:
        method = choose_method(scores, label)
    if method == Method.ISOTONIC:
        return fit_isotonic(scores, label, np.ones(len(label)))
    slope, intercept = fit_many(method, scores, label, np.ones((1, len(label))))
    return Calibration(method, float(label.mean()), float(slope[0]), float(intercept[0]))


def choose_method(score: ArrayLike, damaged: ArrayLike) -> Method:
    """Platt's, unless another has a cross-validated log loss that is lower by a standard error.

    The standard error is that of the difference over packages. Simulated lines cost least by it:
    what merely happens to win takes a freedom, or denies one, that the packages do not ask for.
    """
    losses = cross_validated_losses(score, damaged)
    best = min(losses, key=lambda method: losses[method].mean())
    gain = losses[Method.PLATT] - losses[best]
    clear = gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain))
    return best if clear else Method.PLATT


def cross_validated_losses(score: ArrayLike, damaged: ArrayLike) -> dict[Method, np.ndarray]:
    """The log loss of each package, float64 [N], by a fit that did not know it.

    Methods are those that so many packages allow, the simplest first. Raises UserError for fewer
    than 2 packages of a label.
    """
    scores, label = checked(score, damaged)
    rarest = int(min(label.sum(), (~label).sum()))
    if rarest < 2:
        raise UserError("a calibration needs at least 2 validation packages of each label.")
    parts = StratifiedKFold(min(PARTS, rarest), shuffle=True, random_state=0)
    part = np.empty(len(label), dtype=int)
    for number, (_, out) in enumerate(parts.split(scores, label)):
        part[out] = number
    known = part[None] != np.arange(part.max() + 1)[:, None]  # [parts, N]
    probability = {}
    for method in (Method.TEMPERATURE, Method.PLATT):
        slope, intercept = fit_many(method, scores, label, known.astype(float))
        probability[method] = expit(slope[part] * logit(scores, CLIP) + intercept[part])
    if len(label) >= ENOUGH_FOR_ISOTONIC:
        curves = [fit_isotonic(scores, label, rows.astype(float)).apply(scores) for rows in known]
        probability[Method.ISOTONIC] = np.array(curves)[part, np.arange(len(part))]
    return {
        method: -np.log(np.where(label, values, 1 - values).clip(CLIP))
        for method, values in probability.items()
    }


def fit_many(
    method: Method, score: np.ndarray, damaged: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept, each float64 [R], of TEMPERATURE or PLATT in R tables at once.

    `times` [R, N] says how often each package stands in each table. The targets are Platt's, a
    package away from 0 and 1, so that labels that part perfectly still give finite numbers. A
    slope is at least 0: a score that speaks the wrong way says nothing.
    """
    x = logit(score, CLIP)
    centre = x.mean() if method == Method.PLATT else 0.0
    scale = max(float(np.sqrt(np.mean((x - centre) ** 2))), 1e-9)
    columns = [(x - centre) / scale] + [np.ones_like(x)] * (method == Method.PLATT)
    features = np.column_stack(columns)  # [N, K]
    squares = np.einsum("nk,nl->nkl", features, features).reshape(len(x), -1)
    positives, negatives = times @ damaged, times @ ~damaged
    target = np.where(
        damaged, ((positives + 1) / (positives + 2))[:, None], (1 / (negatives + 2))[:, None]
    )
    size = features.shape[1]
    found = np.zeros((len(times), size))
    for _ in range(STEPS):
        probability = expit(found @ features.T)
        gradient = (times * (probability - target)) @ features
        curvature = (times * probability * (1 - probability)) @ squares
        curvature = curvature.reshape(-1, size, size) + 1e-9 * np.eye(size)
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        found -= step.clip(-LONGEST, LONGEST)
        if np.abs(step).max() < 1e-9:
            break
    slope = found[:, 0] / scale
    mean = (times * target).sum(axis=1) / times.sum(axis=1)
    if method == Method.TEMPERATURE:
        return slope.clip(0), np.zeros(len(slope))
    return slope.clip(0), np.where(slope > 0, found[:, 1] - slope * centre, logit(mean))


def fit_isotonic(score: np.ndarray, damaged: np.ndarray, times: np.ndarray) -> Calibration:
    """ISOTONIC, of packages that stand in a table so many `times` [N].

    Half a package of each label at 0 and at 1 keeps the ends off what no sample can show.
    """
    curve = IsotonicRegression().fit(
        [0.0, *score, 1.0], [0.5, *damaged, 0.5], sample_weight=[1.0, *times, 1.0]
    )
    knots = zip(curve.X_thresholds_.tolist(), curve.y_thresholds_.tolist(), strict=True)
    return Calibration(Method.ISOTONIC, float(times @ damaged / times.sum()), knots=tuple(knots))


def checked(score: ArrayLike, damaged: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels as arrays. Raises UserError for scores that are none, or a single label."""
    scores, label = np.asarray(score, dtype=float), np.asarray(damaged, dtype=bool)
    if scores.shape != label.shape or scores.ndim != 1:
        raise ValueError(
            f"scores {scores.shape} and labels {label.shape} are not a row per package"
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise UserError("scores must lie between 0 and 1; some are not numbers, or not such.")
    if label.all() or not label.any():
        raise UserError("a calibration needs validation packages of both labels.")
    return scores, label
