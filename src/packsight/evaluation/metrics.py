"""How good the probabilities of damaged are: per epoch on tensors, per table on predictions.

damaged is the positive class, so recall of intact is the specificity, and precision of intact the
negative predictive value.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryF1Score,
    BinaryNegativePredictiveValue,
    BinaryPrecision,
    BinaryPrecisionRecallCurve,
    BinaryRecall,
    BinarySpecificity,
)
from torchmetrics.utilities import dim_zero_cat

from packsight.domain import LABELS, THRESHOLD, Perspective
from packsight.errors import UserError
from packsight.evaluation.results import images_of

SMALLEST = 1e-7  # probabilities are clipped to it and to one minus it before their logarithm


class _AUROC(BinaryAUROC):
    """nan where one class is absent, instead of 0 and a warning."""

    def compute(self) -> Tensor:  # type: ignore[override]
        return super().compute() if _both_classes(self) else _undefined(self)


class _AveragePrecision(BinaryAveragePrecision):
    """nan where one class is absent, instead of 0 or 1 and a warning."""

    def compute(self) -> Tensor:  # type: ignore[override]
        return super().compute() if _both_classes(self) else _undefined(self)


def _both_classes(metric: BinaryPrecisionRecallCurve) -> bool:
    target = dim_zero_cat(metric.target)
    return bool(target.min() != target.max())


def _undefined(metric: Metric) -> Tensor:
    return torch.tensor(torch.nan, device=metric.device)


def epoch_metrics(prefix: str) -> MetricCollection:
    """Metrics of an epoch, keys such as `val/accuracy` for the prefix `val/`.

    Update with the probability of damaged, float32 [B], and the class index, int [B]. Where a
    class is absent, AUROC and average precision are nan, the others 0 as in torchmetrics.
    """
    # torchmetrics compares with >, packsight with >=.
    threshold = float(np.nextafter(np.float32(THRESHOLD), np.float32(0)))
    # Looking at the values to validate them would wait for the device at every step.
    thresholded: dict[str, Any] = {"threshold": threshold, "validate_args": False}
    counted: dict[str, Metric | MetricCollection] = {
        "accuracy": BinaryAccuracy(**thresholded),
        "precision_damaged": BinaryPrecision(**thresholded),
        "recall_damaged": BinaryRecall(**thresholded),
        "precision_intact": BinaryNegativePredictiveValue(**thresholded),
        "recall_intact": BinarySpecificity(**thresholded),
        "f1": BinaryF1Score(**thresholded),
    }
    ranked: dict[str, Metric | MetricCollection] = {
        "auroc": _AUROC(validate_args=False),
        "average_precision": _AveragePrecision(validate_args=False),
    }
    return MetricCollection(
        counted | ranked, prefix=prefix, compute_groups=[list(counted), list(ranked)]
    )


def wilson_interval(successes: int, trials: int) -> tuple[float | None, float | None]:
    """95 % interval of a proportion (Wilson 1927); None where there was no trial."""
    if trials == 0:
        return None, None
    interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def classification_metrics(predictions: pd.DataFrame) -> dict[str, Any]:
    """Metrics of a table with the columns serial, label and probability (of damaged).

    Each row counts as one trial in the intervals; the images of a burst are one row by then
    (`pool_shots`). Two cameras' images of one package are not independent, so over both
    perspectives the true intervals are wider. What one class alone leaves undefined
    is None. Raises UserError for probabilities that are not numbers.
    """
    probability = predictions["probability"].to_numpy(dtype=float)
    missing = int(np.isnan(probability).sum())
    if missing:
        raise UserError(
            f"{missing} of {len(probability)} probabilities are not numbers, so training has "
            "diverged; choose a smaller learning rate or precision=fp32."
        )
    label = (predictions["label"] == LABELS[1]).to_numpy(dtype=int)
    predicted = probability >= THRESHOLD
    confusion = np.bincount(2 * label + predicted, minlength=4).reshape(2, 2).tolist()
    (tn, fp), (fn, tp) = confusion
    of_label = np.where(label == 1, probability, 1 - probability)
    both_labels = bool(tn + fp) and bool(fn + tp)
    metrics: dict[str, Any] = {
        "images": images_of(predictions),
        "packages": int(predictions["serial"].nunique()),
    }
    for name, right, trials in (
        ("accuracy", tn + tp, len(label)),
        ("recall_damaged", tp, fn + tp),
        ("recall_intact", tn, tn + fp),
    ):
        metrics[name] = _ratio(right, trials)
        metrics[f"{name}_low"], metrics[f"{name}_high"] = wilson_interval(right, trials)
    return metrics | {
        "precision_damaged": _ratio(tp, tp + fp),
        "precision_intact": _ratio(tn, tn + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "auroc": float(roc_auc_score(label, probability)) if both_labels else None,
        "average_precision": (
            float(average_precision_score(label, probability)) if both_labels else None
        ),
        "loss": float(-np.mean(np.log(np.clip(of_label, SMALLEST, 1 - SMALLEST)))),
        "confusion": confusion,
    }


def metrics_by_perspective(predictions: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Metrics of all rows under `all`, and of each perspective where the table holds both."""
    parts = {"all": predictions}
    if predictions["perspective"].nunique() > 1:
        for perspective in Perspective:
            parts[perspective.value] = predictions[predictions["perspective"] == perspective]
    return {
        name: classification_metrics(part) | {"not_located": int((~located(part)).sum())}
        for name, part in parts.items()
    }


def located(predictions: pd.DataFrame) -> pd.Series:
    """Whether a row's packages were found in all its images: no score is that of a whole frame.

    True for predictions from before the column `crop` told.
    """
    if "crop" not in predictions:
        return pd.Series(True, index=predictions.index)
    return ~predictions["crop"].fillna("").str.contains("frame")


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
