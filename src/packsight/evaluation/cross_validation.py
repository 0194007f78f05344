"""A cross-validation as one result: every package tested once, and how sure that makes us."""

from typing import Any

import numpy as np
import pandas as pd

from packsight.domain import LABELS, THRESHOLD, Split
from packsight.evaluation.metrics import classification_metrics, wilson_interval

RESAMPLES = 2000
SHOWN = ("accuracy", "recall_damaged", "recall_intact", "auroc")


def pool(predictions: pd.DataFrame, monitor: str) -> dict[str, Any]:
    """Metrics over the test packages of all folds, and the mean of the folds on validation.

    `predictions` has serial, label, probability, split and fold. Validation never pools its rows,
    because a package is held out for validation in several folds. `monitor` names the metric that
    chooses between models; nan where it is unknown.
    """
    test = predictions[predictions["split"] == Split.TEST]
    by_fold = {split: _fold_metrics(predictions, split) for split in (Split.VAL, Split.TEST)}
    metrics = classification_metrics(test)
    right = (test["probability"] >= THRESHOLD) == (test["label"] == LABELS[1])
    val = by_fold[Split.VAL].mean()
    return {
        "monitor_value": val.get(monitor, np.nan),
        "folds": test["fold"].nunique(),
        "packages": metrics["packages"],
        "images": metrics["images"],
        "right": int(right.sum()),
        **{name: metrics[name] for name in SHOWN},
        **intervals(test, metrics),
        **{
            f"{name}_{statistic}": by_fold[Split.TEST][name].agg(statistic)
            for name in ("accuracy", "auroc")
            for statistic in ("mean", "std")
        },
        **{f"val_{name}": val.get(name, np.nan) for name in ("accuracy", "auroc", "loss")},
    }


def intervals(test: pd.DataFrame, metrics: dict[str, Any]) -> dict[str, float | None]:
    """95 % intervals `<metric>_low` and `<metric>_high` of a test table, counted in packages.

    Over folds they are of a bootstrap over packages, whose images stay together. Wilson's stand
    for proportions where the bootstrap is a point (all right, or none), and for a single split,
    which is too small for the bootstrap. An AUROC that never moves has none.
    """
    packages = test.groupby("label")["serial"].nunique().reindex(list(LABELS), fill_value=0)
    intact, damaged = map(int, packages)
    trials = {
        "accuracy": intact + damaged, "recall_damaged": damaged, "recall_intact": intact,
    }  # fmt: skip
    folds = test["fold"].nunique()
    result: dict[str, float | None] = {}
    for name, draws in bootstrap(test).items():
        low: float | None = None
        high: float | None = None
        if metrics[name] is not None:
            low, high = map(float, np.nanquantile(draws, [0.025, 0.975]))
            if name in trials and (folds == 1 or low == high):
                low, high = wilson_interval(round(metrics[name] * trials[name]), trials[name])
            elif low == high:
                low, high = None, None
        result |= {f"{name}_low": low, f"{name}_high": high}
    return result


def bootstrap(test: pd.DataFrame, resamples: int = RESAMPLES) -> dict[str, np.ndarray]:
    """Each metric in as many tables, drawn from this one by package; float64 [resamples].

    The same table gives the same draws, in whatever order its rows stand. nan where a draw
    lacks a class.
    """
    serials, package = np.unique(test["serial"], return_inverse=True)
    shares = np.full(len(serials), 1 / len(serials))
    times = np.random.default_rng(0).multinomial(len(serials), shares, size=resamples)
    drawn = times[:, package].astype(float)  # how often each row was drawn: [resamples, rows]
    probability = test["probability"].to_numpy(dtype=float)
    damaged = (test["label"] == LABELS[1]).to_numpy()
    right = (probability >= THRESHOLD) == damaged
    # AUROC is the share of (damaged, intact) pairs in the right order, a tie counting half; so that
    # one product gives it for all draws, where a library would take them one after the other.
    gap = probability[damaged][:, None] - probability[~damaged][None, :]
    ordered = (drawn[:, damaged] @ ((np.sign(gap) + 1) / 2) * drawn[:, ~damaged]).sum(axis=1)

    def share(rows: np.ndarray) -> np.ndarray:
        return drawn[:, rows] @ right[rows] / drawn[:, rows].sum(axis=1)

    with np.errstate(invalid="ignore"):  # 0 / 0 where a draw lacks a class
        pairs = drawn[:, damaged].sum(axis=1) * drawn[:, ~damaged].sum(axis=1)
        return {
            "accuracy": share(np.full(len(test), True)),
            "recall_damaged": share(damaged),
            "recall_intact": share(~damaged),
            "auroc": ordered / pairs,
        }


def _fold_metrics(predictions: pd.DataFrame, split: Split) -> pd.DataFrame:
    """One row per fold; a metric that a fold leaves undefined is nan."""
    rows = predictions[predictions["split"] == split]
    table = pd.DataFrame([classification_metrics(fold) for _, fold in rows.groupby("fold")])
    return table.drop(columns="confusion", errors="ignore").astype(float)
