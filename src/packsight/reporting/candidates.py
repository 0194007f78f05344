"""Which models, alone or one for each camera, could serve, and their validation scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from packsight.data.pairing import PAIR
from packsight.decision.late_fusion import LateFusion
from packsight.domain import LABELS, Fusion, Perspective, Split
from packsight.errors import UserError
from packsight.evaluation.verdicts import by_package, fit_fusion, fuse_folds
from packsight.reporting.leaderboard import text
from packsight.reporting.pooling import COMPARABLE, KEYS, Configuration

ENOUGH = 0.9  # of the most validation packages that any of them has, to be compared with it
FREE = ("perspective", "precision")  # in which the models of a pair may differ


@dataclass(frozen=True)
class Candidate:
    """Runs that could serve, with the packages that a decision about them rests on."""

    title: str
    runs: dict[str, tuple[str, ...]]  # of each camera, or of both images as a pair
    cameras: tuple[str, ...]  # whose images a package must have
    fusion: LateFusion | None  # of the cameras' scores
    packages: pd.DataFrame = field(repr=False)  # serial, label and probability

    @property
    def damaged(self) -> pd.Series:
        return self.packages["label"] == LABELS[1]


def candidates(singles: Sequence[Configuration], fusion: Fusion | None = None) -> list[Candidate]:
    """All models and pairs of them that were validated on as many packages as any, or nearly.

    A validation package has the score of the model that was not trained on it; of several folds'
    models, their mean. A pair has the same settings for both cameras, or the best model of each.
    `fusion` is its only way of fusing; None: each. Raises UserError where there is nothing to
    choose from, or where models of several data are.
    """
    names = sorted({text(single.settings["data"]) for single in singles})
    if len(names) > 1:
        raise UserError(
            f"these runs learned from several data, {', '.join(names)}; choose those of one with "
            f"member='{names[0]}/*'."
        )
    found = [_alone(single, kind) for single in singles for kind in _kinds(single, fusion)]
    tops, sides = (
        sorted((one for one in singles if one.settings["perspective"] == camera), key=_error)
        for camera in Perspective
    )
    found += [
        _pair(top, side, kind)
        for top in tops
        for side in sides
        if _alike(top, side, KEYS) or (top is tops[0] and side is sides[0])
        if _alike(top, side, [*COMPARABLE, "seed"])
        for kind in ([fusion] if fusion else Fusion)
    ]
    usable = [candidate for candidate in found if candidate is not None]
    if not usable:
        raise UserError(
            "no run here is done and has validation packages of both labels; train one, or choose "
            "others with member=."
        )
    most = max(len(candidate.packages) for candidate in usable)
    return [candidate for candidate in usable if len(candidate.packages) >= ENOUGH * most]


def _kinds(single: Configuration, fusion: Fusion | None) -> list[Fusion | None]:
    """The ways to fuse both images of a package that one model sees one by one; else none."""
    if single.settings["perspective"] != "both":
        return [None]
    return [fusion] if fusion else list(Fusion)


def _alike(top: Configuration, side: Configuration, keys: Sequence[str]) -> bool:
    """Whether two models share these settings, but for those in which a pair may differ."""
    return all(
        text(top.settings[key]) == text(side.settings[key]) for key in keys if key not in FREE
    )


def _error(single: Configuration) -> float:
    """The mean squared error of a model's probabilities on validation images."""
    rows = _validated(single)
    return float(((rows["probability"] - (rows["label"] == LABELS[1])) ** 2).mean())


def _validated(single: Configuration) -> pd.DataFrame:
    """One row per validation image: serial, perspective, label and probability."""
    rows = single.predictions[single.predictions["split"] == Split.VAL]
    keys = ["serial", "perspective", "label"]
    return rows.groupby(keys, as_index=False)["probability"].mean()


def _alone(single: Configuration, kind: Fusion | None) -> Candidate | None:
    perspective = single.settings["perspective"]
    if kind is not None:
        cameras = tuple(Perspective)
        runs = dict.fromkeys(map(str, cameras), single.folders)
        return _fused(_name(single), runs, _validated(single), kind)
    table = _validated(single)
    cameras = tuple(Perspective) if perspective == PAIR else (Perspective(perspective),)
    return _usable(_name(single), {perspective: single.folders}, cameras, None, table)


def _pair(top: Configuration, side: Configuration, kind: Fusion) -> Candidate | None:
    runs = {"top": top.folders, "side": side.folders}
    table = pd.concat([_validated(top), _validated(side)])
    title = f"{_name(top)} + {_name(side)}"
    return _fused(title, runs, table, kind)


def _fused(
    title: str, runs: dict[str, tuple[str, ...]], table: pd.DataFrame, kind: Fusion
) -> Candidate | None:
    """Scores of packages that both cameras saw, none fused by weights that knew its label."""
    packages = by_package(table, "label")
    packages = packages[packages["cameras"] == "top+side"].reset_index(drop=True)
    try:
        fitted = fit_fusion(kind, packages)
        scored = fuse_folds(kind, packages.assign(split=Split.VAL.value, fold=0))
    except UserError:  # too few packages for this way of fusing
        return None
    return _usable(f"{title}, {kind}", runs, tuple(Perspective), fitted, scored)


def _usable(
    title: str,
    runs: dict[str, tuple[str, ...]],
    cameras: Sequence[str],
    fusion: LateFusion | None,
    table: pd.DataFrame,
) -> Candidate | None:
    """None where validation has fewer than 2 packages of a label: nothing can be fitted on them."""
    packages = table[["serial", "label", "probability"]].reset_index(drop=True)
    rarest = packages["label"].value_counts().reindex(list(LABELS), fill_value=0).min()
    if rarest < 2:
        return None
    return Candidate(title, runs, tuple(map(str, cameras)), fusion, packages)


def _name(single: Configuration) -> str:
    """A configuration in a few words."""
    settings, folds = single.settings, len(single.folders)
    words = [settings["backbone"], settings["perspective"], settings["precision"]]
    words += [settings[key] for key in ("recipe", "crop") if text(settings[key])]
    return " ".join(map(text, words)) + (f" (mean of {folds} folds)" if folds > 1 else "")


def chosen(found: Sequence[Candidate], price: Callable[[Candidate], float]) -> Candidate:
    """The candidate of the lowest price, the first of equals.

    One that `price` refuses is left out. Raises UserError, the first refusal, where all are.
    """
    prices: dict[int, float] = {}
    refused = []
    for place, candidate in enumerate(found):
        try:
            prices[place] = price(candidate)
        except UserError as reason:
            refused.append(reason)
    if not prices:
        raise refused[0]
    return found[min(prices, key=lambda place: prices[place])]
