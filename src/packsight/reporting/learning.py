"""Whether a training learned too little or by heart, and what would help it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import theilslopes

SHARES = 3  # of the training packages, at least, for a learning curve
LATE = 0.5  # of the epochs, the last ones, whose trend is told
STILL = 0.02  # of accuracy: what the last packages of a curve bring, or a gap, that is worth a word


@dataclass(frozen=True)
class Fit:
    """How training and validation stood to each other, mean of the runs of all folds."""

    train: float  # accuracy at the chosen epoch, on changed images and with weights still moving
    val: float
    spread: float  # of the gap between them, one standard error over folds; nan for one fold
    slope: tuple[float, float]  # of the validation loss per epoch, late: 95 % interval
    learning: bool  # whether the training loss was still falling then
    epochs: int

    @property
    def gap(self) -> float:
        return self.train - self.val


def fit_of(histories: Sequence[pd.DataFrame], epochs: Sequence[int]) -> Fit | None:
    """How the runs of one configuration fit, from their history.csv and chosen epochs.

    None where an accuracy or loss of either part was not measured, or too few epochs were.
    """
    needed = ["epoch", "train/accuracy", "val/accuracy", "train/loss", "val/loss"]
    usable = all(set(needed) <= set(history) for history in histories)
    if not histories or not usable or min(map(len, histories)) < 4:
        return None
    chosen = [
        history[history["epoch"] == epoch].iloc[0]
        for history, epoch in zip(histories, epochs, strict=True)
    ]
    train = np.array([row["train/accuracy"] for row in chosen], dtype=float)
    val = np.array([row["val/accuracy"] for row in chosen], dtype=float)
    count = len(chosen)
    spread = np.std(train - val, ddof=1) / np.sqrt(count) if count > 1 else np.nan
    mean = pd.concat(histories).groupby("epoch")[needed[1:]].mean().dropna()
    late = mean.iloc[-max(4, round(LATE * len(mean))) :]
    slope = theilslopes(late["val/loss"], late.index, 0.95)
    falling = theilslopes(late["train/loss"], late.index, 0.95).high_slope < 0
    return Fit(
        float(train.mean()), float(val.mean()), float(spread),
        (float(slope.low_slope), float(slope.high_slope)), bool(falling), len(mean),
    )  # fmt: skip


def fit_sentence(fit: Fit) -> str:
    """What a fit says, with the numbers that it rests on, and what would help."""
    low, high = fit.slope
    numbers = (
        f"{fit.train:.0%} of training and {fit.val:.0%} of validation images right at the chosen "
        f"epoch; validation loss per epoch, in the last half of {fit.epochs}: {low:+.4f} to "
        f"{high:+.4f} (95% interval)"
    )
    return f"{numbers}: {_advice(fit)}."


def _advice(fit: Fit) -> str:
    low, high = fit.slope
    wide = fit.gap > max(STILL, 2 * fit.spread if np.isfinite(fit.spread) else STILL)
    if low > 0:
        return "validation got worse while training went on; fewer epochs or more regularisation"
    if high < 0 and fit.learning:
        return "both were still learning; more epochs would help"
    if wide:
        return "it knows its training images better than others; more packages or regularisation"
    return "neither more epochs nor more regularisation is called for"


def learning_curve(rows: pd.DataFrame) -> list[str]:
    """A sentence for each configuration that was trained on several shares of its packages.

    `rows` are those of `Pooled`: share (nan for all), monitor_value and validation's accuracy.
    """
    rows = rows.assign(share=rows["share"].astype(float).fillna(1.0))
    apart = ["data", "test", "perspective", "fusion", "backbone", "precision", "recipe", "crop"]
    sentences = []
    for (_, _, perspective, _, backbone, *_), group in rows.groupby(apart, dropna=False):
        curve = group.groupby("share")["monitor_value"].mean().sort_index()
        if len(curve) < SHARES:
            continue
        monitor, mode = group["monitor"].iloc[0], group["monitor_mode"].iloc[0]
        told = ", ".join(f"{value:.3f} from {share:.0%}" for share, value in curve.items())
        brought = (curve.iloc[-1] - curve.iloc[-2]) * (1 if mode == "max" else -1)
        worth = abs(brought) > STILL * abs(curve.iloc[-2])
        verdict = (
            "the last packages still helped, so more of them would"
            if worth and brought > 0
            else "the last packages no longer helped, so more of them would change little"
        )
        sentences.append(
            f"{backbone} on {perspective}, {monitor} by share of the training packages: {told}: "
            f"{verdict}."
        )
    return sentences
