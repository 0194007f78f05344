"""The cheapest thresholds: Bayes' rule on calibrated probabilities of damaged."""

from packsight.decision.calibration import Calibration
from packsight.decision.logits import expit, logit
from packsight.decision.terms import Costs


def bayes_thresholds(costs: Costs) -> tuple[float, float]:
    """The probabilities below which to accept and from which to reject.

    A package of probability p costs p * missed if it is accepted, (1 - p) * false_reject if it is
    rejected, and an inspection if a person looks. Both are one threshold where inspection is never
    the cheapest.
    """
    single = costs.false_reject / (costs.missed + costs.false_reject)
    if costs.inspection is None or costs.inspection >= costs.missed * single:
        return single, single
    return costs.inspection / costs.missed, 1 - costs.inspection / costs.false_reject


def cost_thresholds(costs: Costs, share: float, calibration: Calibration) -> tuple[float, float]:
    """The scores below which to accept and from which to reject on a line with such a share."""
    shift = logit(share) - logit(calibration.share)
    low, high = (float(expit(logit(p) - shift)) for p in bayes_thresholds(costs))
    return calibration.inverse(low), calibration.inverse(high)
