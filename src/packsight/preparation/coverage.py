"""Whether each split holds what is to be learned or measured there, told before any work."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import pandas as pd

from packsight.domain import LABELS, Perspective, Split
from packsight.errors import UserError
from packsight.preparation.splits import SplitSettings, fold_splits
from packsight.system.console import console

NEEDS_BOTH = ("val/auroc", "val/average_precision")  # undefined where a label is missing


class Gap(NamedTuple):
    """A split without a camera's images, or without those of one label."""

    split: Split
    camera: str
    label: str = ""

    def __str__(self) -> str:
        label = f"{self.label} " if self.label else ""
        return f"no {label}{self.camera} image in the {self.split} split"


def gaps(table: pd.DataFrame, cameras: Sequence[str]) -> list[Gap]:
    """What is missing of these cameras in a manifest's splits."""
    found = []
    for split in Split:
        for camera in cameras:
            rows = table[(table["split"] == split) & (table["perspective"] == camera)]
            absent = [label for label in LABELS if label not in set(rows["label"])]
            if len(absent) == len(LABELS):
                found.append(Gap(split, camera))
            else:
                found += [Gap(split, camera, label) for label in absent]
    return found


def check_splits(
    manifest: pd.DataFrame,
    settings: SplitSettings,
    cameras: Sequence[str],
    fold: int | None,
    monitor: str,
) -> list[Gap]:
    """What cannot be measured of these cameras at a training's end.

    Raises UserError, with a fold and cameras that would do, where the splits lack what a training
    needs: images of each camera in each split, and both labels where they are learned, or where
    the `monitor` ranks them.
    """
    found = gaps(_divided(manifest, settings, fold), cameras)
    fatal = [gap for gap in found if _is_fatal(gap, found, cameras, monitor)]
    if not fatal:
        return found
    ways = [
        f"perspective={camera}"
        for camera in Perspective
        if [camera] != [*cameras] and not gaps(_divided(manifest, settings, fold), [camera])
    ]
    if whole := [other for other in _whole_folds(manifest, settings, cameras) if other != fold]:
        ways.insert(0, f"data.fold={whole[0]}")
    part = "" if fold is None else f"with data.fold={fold} "
    remedy = f"use {' or '.join(ways)}" if ways else "prepare more packages, or fewer data.folds"
    raise UserError(f"{part}there is {fatal[0]}, so this training could not end well; {remedy}.")


def tell_gaps(
    manifest: pd.DataFrame,
    settings: SplitSettings,
    cameras: Sequence[str],
    fold: int | None,
    monitor: str,
) -> None:
    """Print what `check_splits` finds, whose mistakes it raises."""
    for gap in check_splits(manifest, settings, [*cameras], fold, monitor):
        told = f"[yellow]{gap}: what needs both labels stays empty there"
        console.print(told, soft_wrap=True, highlight=False)


def described(manifest: pd.DataFrame, settings: SplitSettings) -> list[str]:
    """A line for each camera of these data that a split or a fold does not serve."""
    cameras = sorted(manifest["perspective"].unique(), reverse=True)
    lines = []
    for gap in gaps(manifest, cameras):
        whole = [] if gap.label else _whole_folds(manifest, settings, [gap.camera])
        others = [camera for camera in cameras if camera != gap.camera]
        line = f"{gap}: it is for {others[0]} alone" if others and not gap.label else str(gap)
        lines.append(line + (f"; {gap.camera} has data.fold={whole[0]}" if whole else ""))
    in_folds: dict[Gap, list[str]] = {}
    for fold in _folds(manifest):
        with suppress(UserError):  # too few packages to divide, which its training tells
            for gap in gaps(_divided(manifest, settings, fold), cameras):
                in_folds.setdefault(gap, []).append(str(fold))
    return lines + [f"data.fold={','.join(folds)}: {gap}" for gap, folds in in_folds.items()]


def _whole_folds(
    manifest: pd.DataFrame, settings: SplitSettings, cameras: Sequence[str]
) -> list[int]:
    """The folds whose splits lack nothing of these cameras."""
    whole = []
    for fold in _folds(manifest):
        with suppress(UserError):
            if not gaps(_divided(manifest, settings, fold), cameras):
                whole.append(fold)
    return whole


def _folds(manifest: pd.DataFrame) -> list[int]:
    return sorted(int(fold) for fold in manifest["fold"].dropna().unique())


def _divided(manifest: pd.DataFrame, settings: SplitSettings, fold: int | None) -> pd.DataFrame:
    if fold is None:
        return manifest
    return manifest.assign(split=fold_splits(manifest, fold, settings))


def _is_fatal(gap: Gap, found: Sequence[Gap], cameras: Sequence[str], monitor: str) -> bool:
    if not gap.label or gap.split == Split.TRAIN:
        return True
    alike = [other for other in found if (other.split, other.label) == (gap.split, gap.label)]
    return gap.split == Split.VAL and monitor in NEEDS_BOTH and len(alike) == len(cameras)
