"""From images to one score of each camera: several images of a package pooled."""

import numpy as np
import pandas as pd

from packsight.domain import LABELS, THRESHOLD, Burst
from packsight.evaluation.metrics import located

KEYS = ["serial", "perspective"]


def pool_shots(predictions: pd.DataFrame, burst: Burst) -> pd.DataFrame:
    """A row per package and camera, or pair: the mean or the highest probability of its images.

    Images in which the package was not found count only where it was found in none. All other
    columns are those of the image whose probability is nearest to the result; `shots` tells how
    many images there are. A table without bursts is returned as it is.
    """
    if not predictions.duplicated(KEYS).any():
        return predictions
    rows = predictions.reset_index(drop=True)
    groups = [rows[key] for key in KEYS]
    found = located(rows)
    counts = found | ~found.groupby(groups).transform("any")
    probability = rows["probability"].where(counts)
    pooled = probability.groupby(groups).transform(str(burst))
    far = (probability - pooled).abs().fillna(np.inf)
    nearest = far.groupby(groups).idxmin().sort_values().to_numpy()
    order = rows.drop_duplicates(KEYS).index  # as the packages came
    shots = rows.groupby(KEYS)["serial"].transform("size")
    table = rows.assign(probability=pooled, shots=shots).loc[nearest]
    if "predicted" in table:
        called = np.where(table["probability"] >= THRESHOLD, LABELS[1], LABELS[0])
        table["predicted"] = np.where(table["probability"].isna(), "", called)
    place = rows.loc[order, KEYS].assign(place=range(len(order)))
    table = table.merge(place, on=KEYS).sort_values("place", ignore_index=True)
    return table.drop(columns="place")
