"""Which images to explain: named ones, or a sample of each outcome."""

import difflib
import hashlib
from collections.abc import Sequence
from enum import StrEnum

import pandas as pd

from packsight.domain import LABELS
from packsight.errors import UserError

_INTACT, _DAMAGED = LABELS
COMPARED = 3  # packages of each label that stand beside those of other models


class Outcome(StrEnum):
    HIT = "hit"  # damaged, and found
    MISS = "miss"  # damaged, called intact
    FALSE_ALARM = "false alarm"  # intact, called damaged
    CORRECT_PASS = "correct pass"


def outcome(label: str, predicted: str) -> Outcome:
    assert {label, predicted} <= set(LABELS)
    if label == _DAMAGED:
        return Outcome.HIT if predicted == _DAMAGED else Outcome.MISS
    return Outcome.FALSE_ALARM if predicted == _DAMAGED else Outcome.CORRECT_PASS


def select(
    predictions: pd.DataFrame,
    split: str,
    per_outcome: int,
    images: Sequence[str] = (),
    measured: int | None = None,
) -> pd.DataFrame:
    """Rows of predictions.csv to explain, with a column `outcome`, sorted by outcome and camera.

    `images` (serials, or `<serial>_<perspective>`) are taken from any split, and all are shown.
    Without them, `measured` images of `split` (all where it is None) by a draw that is the same
    for every model of the same data; of each outcome and perspective up to `per_outcome` are
    `shown`, the most confident ones: the clearest hits and passes, and the worst mistakes. Some of
    the draw are `compared` with other models, whatever the outcome. Raises UserError for an image
    without a prediction, and where nothing is left to explain.
    """
    table = predictions.assign(
        outcome=[
            outcome(label, predicted)
            for label, predicted in zip(predictions["label"], predictions["predicted"], strict=True)
        ],
        confidence=predictions["probability"].where(
            predictions["predicted"] == _DAMAGED, 1 - predictions["probability"]
        ),
    )
    table["outcome"] = pd.Categorical(table["outcome"], list(Outcome), ordered=True)
    table = table.sort_values(
        ["outcome", "perspective", "confidence", "serial"], ascending=[True, True, False, True]
    ).drop(columns="confidence")
    if images:
        table = table[_named(table, images)].assign(shown=True, compared=False)
    else:
        table = table[table["split"] == split]
        order = _drawn(table)
        within = order.groupby([table["label"], table["perspective"]]).rank()
        table = table.assign(compared=within <= COMPARED)
        if measured is not None:
            # Ties are settled by what no model knows, so that every model gets the same images.
            keys = table[["label", "perspective", "serial"]].assign(order=order)
            first = keys.sort_values(["order", "label", "perspective", "serial"]).index[:measured]
            table = table[table.index.isin(first)]
        place = table.groupby(["outcome", "perspective"], observed=True).cumcount()
        table["shown"] = place < per_outcome
    if not table.get("shown", pd.Series(dtype=bool)).any():
        raise UserError(
            f"split={split} with per_outcome={per_outcome} leaves no image to explain; "
            f"the predictions have {', '.join(sorted(predictions['split'].unique()))}."
        )
    return table.astype({"outcome": str}).reset_index(drop=True)


def _drawn(table: pd.DataFrame) -> pd.Series:
    """A number for each row, that of its package alone: labels take turns, so that any first rows
    hold both."""
    hashed = table["serial"].map(lambda serial: hashlib.sha256(serial.encode()).hexdigest())
    return hashed.groupby([table["label"], table["perspective"]]).rank()


def _named(table: pd.DataFrame, images: Sequence[str]) -> pd.Series:
    """Which rows [N] are meant by the names. Raises UserError for a name of none."""
    keys = table["serial"] + "_" + table["perspective"]
    known = {*table["serial"], *keys}
    for name in images:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0)
            raise UserError(
                f"image {name} has no prediction; there are, for example, {', '.join(close)}."
            )
    return table["serial"].isin(images) | keys.isin(images)
