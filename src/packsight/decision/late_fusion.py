"""Late fusion: the probabilities of the two cameras' models as one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from packsight.decision.logits import expit, logit
from packsight.domain import Fusion
from packsight.errors import UserError

# Keeps the logits within ±9.2, so that one overconfident camera cannot drown the other.
CLIP = 1e-4


@dataclass(frozen=True)
class LateFusion:
    """How two probabilities of damaged become one.

    `asdict(fusion)` stores it in plain values, `LateFusion(**values)` restores it.
    """

    kind: Fusion
    weights: tuple[float, float, float] | None = None  # of logit top, logit side and 1; logistic

    @classmethod
    def fit(cls, kind: Fusion, top: ArrayLike, side: ArrayLike, damaged: ArrayLike) -> "LateFusion":
        """Fit the weights of LOGISTIC; MEAN and MAX have none.

        Probabilities [N], nan where an image is missing, must be of validation packages only:
        those of training are overconfident, and test packages would take part in their own
        verdict. Raises UserError unless packages of both labels were seen by both cameras.
        """
        if kind != Fusion.LOGISTIC:
            return cls(kind)
        from scipy.optimize import minimize  # to fit; a line that only fuses has no SciPy

        both = np.column_stack([top, side]).astype(float)
        seen = ~np.isnan(both).any(axis=1)
        evidence, label = logit(both[seen], CLIP), np.asarray(damaged, dtype=bool)[seen]
        if len(np.unique(label)) < 2:
            raise UserError(
                f"fusion=logistic cannot be fitted on {len(label)} validation packages that both "
                "cameras saw; it needs damaged and intact ones. Take two runs of one fold and seed "
                "(member=), or use fusion=mean or fusion=max."
            )
        sign = np.where(label, 1, -1)

        def loss(weights: np.ndarray) -> float:
            """Logistic regression as scikit-learn has it (C=1): agreeing cameras share."""
            margin = sign * (evidence @ weights[:2] + weights[2])
            return float(np.logaddexp(0, -margin).sum() + (weights[:2] ** 2).sum() / 2)

        # scikit-learn knows no bounds, and a camera that argues for intact the surer it is of
        # damage is noise.
        bounds = [(0, None), (0, None), (None, None)]
        top_weight, side_weight, constant = minimize(loss, np.zeros(3), bounds=bounds).x
        return cls(kind, (float(top_weight), float(side_weight), float(constant)))

    def fuse(self, top: ArrayLike, side: ArrayLike) -> np.ndarray:
        """Probability of damaged, float64 [N], from those of both cameras.

        Where one is nan (no image), the other stands alone.
        """
        both = np.column_stack([top, side]).astype(float)
        if self.kind == Fusion.MEAN:
            fused = both.mean(axis=1)
        elif self.kind == Fusion.MAX:
            fused = both.max(axis=1)
        else:
            assert self.weights is not None, "LOGISTIC is made by fit"
            fused = expit(logit(both, CLIP) @ self.weights[:2] + self.weights[2])
        alone = np.fmax(*both.T)  # the one that is not nan
        return np.where(np.isnan(both).any(axis=1), alone, fused)


def package_score(fusion: LateFusion | None, top: ArrayLike, side: ArrayLike) -> np.ndarray:
    """The score of packages, float64 [N], from their cameras' [N], nan where there is none.

    Without a fusion there is one camera alone.
    """
    return fusion.fuse(top, side) if fusion else np.fmax(*np.asarray([top, side], dtype=float))
