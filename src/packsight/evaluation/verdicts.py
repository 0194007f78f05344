"""From images to packages: both cameras' probabilities side by side, and fused."""

import numpy as np
import pandas as pd

from packsight.decision.late_fusion import LateFusion
from packsight.domain import LABELS, THRESHOLD, Fusion, Perspective
from packsight.evaluation.calibration import crossfit
from packsight.evaluation.metrics import located


def by_package(predictions: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """One row per serial (and `keys`), from a table with perspective and probability.

    Adds probability_top, probability_side (nan where there is none), cameras: top+side, top or
    side, and sure: whether it was found in all images, so that no whole frame was scored. A package
    without any probability has no row.
    """
    wide = predictions.pivot_table("probability", ["serial", *keys], "perspective")
    wide = wide.reindex(columns=[perspective.value for perspective in Perspective])
    packages = wide.add_prefix("probability_").rename_axis(columns=None).reset_index()
    top, side = packages["probability_top"].notna(), packages["probability_side"].notna()
    scored = predictions[predictions["probability"].notna()]
    lost = scored["serial"][~located(scored)]  # an index may stand twice where tables are joined
    return packages.assign(
        cameras=np.select([top & side, top], ["top+side", "top"], "side"),
        sure=~packages["serial"].isin(lost),
    )


def fit_fusion(kind: Fusion, packages: pd.DataFrame) -> LateFusion:
    """Fit a fusion on `by_package` rows with a label. Raises UserError as `LateFusion.fit`."""
    damaged = packages["label"] == LABELS[1]
    return LateFusion.fit(kind, packages["probability_top"], packages["probability_side"], damaged)


def add_verdicts(packages: pd.DataFrame, fusion: LateFusion) -> pd.DataFrame:
    """The table with the fused probability, and what it predicts."""
    fused = fusion.fuse(packages["probability_top"], packages["probability_side"])
    predicted = np.where(fused >= THRESHOLD, LABELS[1], LABELS[0])
    return packages.assign(probability=fused, predicted=predicted)


def fuse_folds(kind: Fusion, packages: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on validation and test rows of all folds, none from weights that knew its label.

    `packages` has label, split and fold beside the columns of `by_package`. Raises UserError where
    too few validation packages leave no way to fit.
    """
    if kind != Fusion.LOGISTIC:
        return add_verdicts(packages, LateFusion(kind))
    return crossfit(packages, lambda rows, known: add_verdicts(rows, fit_fusion(kind, known)))
