"""Whether a training learned too little or by heart, and what would help it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import theilslopes

from packsight.configuration.stored import read_config
from packsight.evaluation.results import read_history
from packsight.reporting.pooling import Pooled
from packsight.reporting.wording import Words, words

ENGLISH = words("en")
SHARES = 3  # of the training packages, at least, for a learning curve
LATE = 0.5  # of the epochs, the last ones, whose trend is told
STILL = 0.02  # of accuracy, or of a curve's last value: less is not worth a word


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


def fit_sentences(
    experiment: Path, frame: pd.DataFrame, pooled: Pooled, say: Words = ENGLISH
) -> list[str]:
    """What the best model of each camera says of its training, and what would help it."""
    epochs = dict(zip(frame["folder"], frame["best_epoch"], strict=True))
    sentences = []
    for place, (_, row) in enumerate(pooled.rows.iterrows()):
        if pd.isna(row["rank"]) or row["rank"] != 1 or row["fusion"]:
            continue
        folders = pooled.folders[place]
        histories = [read_history(experiment / folder / "history.csv") for folder in folders]
        chosen = [
            history["epoch"].max() if _takes_the_last(experiment / folder) else epochs[folder]
            for folder, history in zip(folders, histories, strict=True)
            if len(history)
        ]
        fit = fit_of(histories, chosen) if len(chosen) == len(histories) else None
        if fit is not None:
            sentences.append(fit_sentence(fit, row["perspective"], row["backbone"], say))
    return sentences


def _takes_the_last(folder: Path) -> bool:
    """Whether a run keeps its last epoch, whatever validation says."""
    best: Any = read_config(folder).callbacks.get("best") or {}
    return bool(best.get("monitor") == "epoch")


def fit_sentence(fit: Fit, perspective: str, model: str, say: Words = ENGLISH) -> str:
    """What a fit says, with the numbers that it rests on, and what would help."""
    low, high = fit.slope
    camera = say.named("camera_title", perspective)
    advice = say(f"learning.{_advice(fit)}")
    numbers = {"train": fit.train, "val": fit.val, "low": low, "high": high, "epochs": fit.epochs}
    return say("learning.fit", camera=camera, model=model, advice=advice, **numbers)


def _advice(fit: Fit) -> str:
    """What would help, as the catalogues' key."""
    low, high = fit.slope
    if low > 0:
        return "worse"
    if high < 0 and fit.learning:
        return "unfinished"
    spread = fit.spread if np.isfinite(fit.spread) else 0.0
    return "by_heart" if fit.gap > max(STILL, 2 * spread) else "enough"


def learning_curve(rows: pd.DataFrame, say: Words = ENGLISH) -> list[str]:
    """A sentence for each configuration that was trained on several shares of its packages.

    `rows` are those of `Pooled`: share (nan for all), and the monitored value on validation.
    """
    rows = rows.assign(share=rows["share"].astype(float).fillna(1.0))
    apart = ["data", "test", "perspective", "fusion", "backbone", "precision", "recipe", "crop"]
    sentences = []
    for (_, _, perspective, _, backbone, *_), group in rows.groupby(apart, dropna=False):
        curve = group.groupby("share")["monitor_value"].mean().sort_index()
        if len(curve) < SHARES:
            continue
        values = [say("learning.from", value=v, share=s) for s, v in curve.items()]
        rises = group["monitor_mode"].iloc[0] == "max"
        brought = (curve.iloc[-1] - curve.iloc[-2]) * (1 if rises else -1)
        helped = brought > STILL * abs(curve.iloc[-2])
        sentences.append(
            say(
                "learning.curve",
                camera=say.named("camera_title", perspective),
                model=backbone,
                monitor=group["monitor"].iloc[0],
                values=", ".join(values),
                verdict=say("learning.helped" if helped else "learning.flat"),
            )
        )
    return sentences
