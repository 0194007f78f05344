"""What is fitted on scores, fitted on validation packages alone."""

from collections.abc import Callable

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from packsight.decision.calibration import Method
from packsight.decision.calibration_fit import fit_calibration
from packsight.domain import LABELS, Split
from packsight.errors import UserError

PARTS = 5  # of the validation packages, to judge on them what is fitted on them

# Given rows to change, and validation rows with labels to fit on.
Fit = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def crossfit(predictions: pd.DataFrame, fit: Fit) -> pd.DataFrame:
    """Validation and test rows of all folds, none changed by a fit that knew its label.

    `predictions` has serial, label, split and fold. A fold's test rows are fitted on all validation
    rows but those of its own test packages; validation rows, by which models are chosen, are
    cross-validated by package. Raises UserError for fewer than 2 validation packages of a label.
    """
    val = predictions[predictions["split"] == Split.VAL]
    test = predictions[predictions["split"] == Split.TEST]
    rarest = val.groupby("label")["serial"].nunique().reindex(list(LABELS), fill_value=0).min()
    if rarest < 2:
        raise UserError("a fit on scores needs at least 2 validation packages of each label.")
    changed = [
        fit(rows, val[~val["serial"].isin(rows["serial"])]) for _, rows in test.groupby("fold")
    ]
    parts = StratifiedGroupKFold(min(PARTS, rarest)).split(val, val["label"], val["serial"])
    changed += [fit(val.iloc[out], val.iloc[known]) for known, out in parts]
    return pd.concat(changed).sort_index()


def calibrate(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Rows with their probability recalibrated by Platt's method (Platt 1999), fitted on `known`.

    A model that calls too few packages damaged at 0.5 is moved to where its validation labels part.
    Raises UserError if `known` has one label alone.
    """
    fitted = fit_calibration(known["probability"], known["label"] == LABELS[1], Method.PLATT)
    return rows.assign(probability=fitted.apply(rows["probability"]))
