"""Numbers for a map: where what speaks for damaged lies, and whether the score follows it."""

from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from packsight.domain import LABELS, Baseline
from packsight.evaluation.cross_validation import RESAMPLES
from packsight.explanation.attribution import Scorer
from packsight.explanation.baselines import baseline_image
from packsight.explanation.regions import Regions
from packsight.explanation.selection import Outcome

STEPS = 16  # in which pixels are taken away or put back
SMOOTH = 0.015  # of the longer side: the standard deviation over which a region shows
REGIONS = ("damage", "package", "belt")
MEASURES = (
    *(f"{region}_share" for region in REGIONS), "pointing_hit", "deletion_auc", "insertion_auc",
)  # fmt: skip


def smooth(values: np.ndarray) -> np.ndarray:
    """A map [H, W] without its speckle, as it is shown and as regions are found in it."""
    return cv2.GaussianBlur(values, (0, 0), SMOOTH * max(values.shape))


def share_measures(values: np.ndarray, regions: Regions) -> dict[str, float]:
    """Shares of the positive attribution of a map [H, W] in each region, and of the area.

    `pointing_hit` is 1 where the smoothed map is highest inside the damage (the pointing game of
    Zhang et al. 2018). nan where a region is not known, or nothing speaks for damaged.
    """
    positive = np.clip(values, 0, None).astype(np.float64)
    total = positive.sum()
    found: dict[str, float] = {}
    for name in REGIONS:
        mask = getattr(regions, name)
        share = float("nan")
        if mask is not None and total > 0:
            share = float(positive[mask].sum() / total)
        found[f"{name}_share"] = share
        found[f"{name}_area"] = float("nan") if mask is None else float(mask.mean())
    hit = float("nan")
    if regions.damage is not None and regions.damage.any() and total > 0:
        hit = float(regions.damage.flat[smooth(values).argmax()])
    return found | {"pointing_hit": hit}


class Curves(NamedTuple):
    deletion: np.ndarray  # probability of damaged [STEPS + 1] as pixels go, the strongest first
    insertion: np.ndarray  # … as they come


def perturbation_curves(
    scorer: Scorer, image: Tensor, values: np.ndarray, max_batch: int
) -> Curves:
    """Deletion and insertion (Petsiuk et al. 2018) of an image [3, H, W] by a map [H, W].

    Pixels are taken in the order of their attribution, highest first, and what is taken away is
    replaced by the blurred image, which has no edge that was not there.
    """
    blurred = baseline_image(image[None], Baseline.BLUR)[0]
    order = np.argsort(-values, axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    ranks = torch.from_numpy(rank.reshape(values.shape)).to(image.device)
    taken = [ranks < round(step * order.size / STEPS) for step in range(STEPS + 1)]
    images = [torch.where(mask, blurred, image) for mask in taken]
    images += [torch.where(mask, image, blurred) for mask in taken[1:-1]]
    curve = torch.sigmoid(scorer.scores(torch.stack(images), max_batch).double()).cpu().numpy()
    deletion, middle = curve[: STEPS + 1], curve[STEPS + 1 :]
    return Curves(deletion, np.concatenate([deletion[-1:], middle, deletion[:1]]))


def perturbation_measures(curves: Curves) -> dict[str, float]:
    """Areas under the curves: a good map has a low deletion and a high insertion AUC."""
    names = ("deletion_auc", "insertion_auc")
    areas = (float(np.trapezoid(curve, dx=1 / STEPS)) for curve in curves)
    return dict(zip(names, areas, strict=True))


def pool_measures(table: pd.DataFrame) -> pd.DataFrame:
    """The mean of each measure with its 95 % interval, over all images, damaged ones, by outcome.

    `table` is attributions.csv. Columns: outcome (all, damaged, hit, miss …), measure, mean, low,
    high, area (of the region, else nan), images, packages. The interval is a bootstrap over
    packages; a single package has none.
    """
    groups = {"all": table, "damaged": table[table["label"] == LABELS[1]]} | {
        outcome.value: table[table["outcome"] == outcome] for outcome in Outcome
    }
    rows = []
    for name, group in groups.items():
        for measure in MEASURES:
            known = group.dropna(subset=[measure])
            if known.empty:
                continue
            low, high = bootstrap_interval(known[measure].to_numpy(), known["serial"].to_numpy())
            area = measure.replace("_share", "_area")
            rows.append(
                {
                    "outcome": name,
                    "measure": measure,
                    "mean": known[measure].mean(),
                    "low": low,
                    "high": high,
                    "area": known[area].mean() if area != measure else float("nan"),
                    "images": len(known),
                    "packages": known["serial"].nunique(),
                }
            )
    columns = ["outcome", "measure", "mean", "low", "high", "area", "images", "packages"]
    return pd.DataFrame(rows, columns=columns)


def bootstrap_interval(values: np.ndarray, packages: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of values [N], drawn by package; nan for a single package."""
    serials, package = np.unique(packages, return_inverse=True)
    if len(serials) < 2:
        return float("nan"), float("nan")
    shares = np.full(len(serials), 1 / len(serials))
    times = np.random.default_rng(0).multinomial(len(serials), shares, size=RESAMPLES)
    sums, counts = np.bincount(package, values), np.bincount(package)
    low, high = np.quantile((times @ sums) / (times @ counts), [0.025, 0.975])
    return float(low), float(high)
