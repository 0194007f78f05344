"""Thresholds that keep a promise with a stated confidence, by exact binomial bounds.

"Miss at most 5 % of damaged packages, with 95 % confidence." Each observed score is a threshold to
test, the safest first; while the number of missed validation packages would be that small by chance
in at most 5 % of cases if the promise were broken, the next one is tested (fixed-sequence testing;
Learn then Test, Angelopoulos et al. 2021). The p-values rise along the sequence, so that the last
threshold that passes is found by counting: it is an order statistic of the scores.
"""

from functools import cache

import numpy as np
from scipy.stats import binom

from packsight.decision.calibration import NEVER
from packsight.decision.terms import Promise
from packsight.errors import UserError


@cache
def allowed(packages: int, bound: float, risk: float) -> int | None:
    """How many of so many packages may err, if the true share is to be at most `bound`.

    The largest k with P(X <= k) <= risk for X ~ Binomial(packages, bound); None where even 0 proves
    nothing.
    """
    count = int(np.searchsorted(binom.cdf(np.arange(packages + 1), packages, bound), risk, "right"))
    return count - 1 if count else None


def needed(errors: int, bound: float, risk: float) -> int:
    """The fewest packages with which so many errors prove the bound: 59 for 0, 5 % and 5 %."""
    low, high = errors, max(2 * errors, 16)
    while binom.cdf(errors, high, bound) > risk:
        low, high = high, 2 * high
    while high - low > 1:  # low does not prove it, high does
        middle = (low + high) // 2
        low, high = (low, middle) if binom.cdf(errors, middle, bound) <= risk else (middle, high)
    return high


def keep_promise(promise: Promise, score: np.ndarray, damaged: np.ndarray) -> tuple[float, float]:
    """accept_below and reject_from that validation packages prove the promise with, a score each.

    Raises UserError where so few packages can prove no such promise, or not all of it at once.
    """
    low, high = promised_thresholds(promise, score, damaged, np.ones((1, len(score))))
    accept_below, reject_from = float(low[0]), float(high[0])
    if promise.inspections is not None:
        waiting = int(((score >= accept_below) & (score < reject_from) & ~damaged).sum())
        most = allowed(int((~damaged).sum()), promise.inspections, promise.risk)
        if most is not None and waiting > most:
            raise UserError(
                f"to reject at most {promise.false_rejects:.1%} of intact packages, {waiting} of "
                f"{(~damaged).sum()} intact validation packages would be inspected, and to promise "
                f"at most {promise.inspections:.1%} no more than {most} may be; allow more of "
                "either, or train a better model."
            )
    return accept_below, reject_from


def promised_thresholds(
    promise: Promise, score: np.ndarray, damaged: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same, float64 [R] each, in R tables at once, without a look at whether all fits together.

    `times` [R, N] is how often each package stands in each table, all with as many of each label.
    Both are one threshold where no band between them is needed.
    """
    numbers = round(times[0] @ ~damaged), round(times[0] @ damaged)
    intact, of_intact = score[~damaged], times[:, ~damaged]
    missed = _allowed(promise, promise.misses, numbers[1], "damaged", "miss")
    accept_below = _ranked(score[damaged], times[:, damaged], missed)
    if promise.false_rejects is not None:
        wrong = _allowed(promise, promise.false_rejects, numbers[0], "intact", "reject")
        kept = -_ranked(-intact, of_intact, wrong)  # the highest score that is not rejected
        return accept_below, np.maximum(np.nextafter(kept, np.inf), accept_below)
    if promise.inspections is not None:
        waiting = _allowed(promise, promise.inspections, numbers[0], "intact", "inspect")
        behind = of_intact * (intact >= accept_below[:, None])
        return accept_below, _ranked(intact, behind, waiting)
    return accept_below, accept_below


def _allowed(promise: Promise, bound: float, packages: int, label: str, verb: str) -> int:
    """`allowed`, or a refusal that says how many packages it would take."""
    found = allowed(packages, bound, promise.risk)
    if found is not None:
        return found
    none, one, two = (needed(errors, bound, promise.risk) for errors in range(3))
    raise UserError(
        f"to promise with {promise.confidence:.1%} confidence to {verb} at most {bound:.1%} of "
        f"{label} packages takes {none} {label} validation packages if the model errs on none of "
        f"them, {one} if on one, {two} if on two; there are {packages}. Promise less, or collect "
        "more."
    )


def _ranked(score: np.ndarray, times: np.ndarray, rank: int) -> np.ndarray:
    """The score with `rank` packages before it in rising order, float64 [R]; NEVER without one."""
    order = np.argsort(score, kind="stable")
    passed = np.cumsum(times[:, order], axis=1) > rank
    return np.where(passed[:, -1], score[order][passed.argmax(axis=1)], NEVER)
