"""What an image is compared with: the same place without the information that counts."""

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from packsight.data.datamodule import PackageDataModule
from packsight.data.pairing import JOIN
from packsight.domain import Baseline, Split
from packsight.errors import UserError
from packsight.explanation.regions import package_mask
from packsight.imaging.decode import read_image
from packsight.system.console import track

BLUR_SHARE = 0.08  # of the shorter side: the standard deviation of the blurred baseline
WORK = (270, 480)  # height and width at which the empty belt is made
FRAMES = 48  # of the training part, at most, that the empty belt is the median of
FEWEST = 8  # frames from which a belt can be told from what lies on it
BESIDE = 0.06  # of the frame's width around a package: its shadow, which is no belt either


def parse_baselines(names: Sequence[str]) -> list[Baseline]:
    """Raises UserError for an unknown name, and for none."""
    for name in names:
        if name not in list(Baseline):
            raise UserError(
                f"explainer.baselines={name} is unknown; use some of {', '.join(Baseline)}."
            )
    if not names:
        raise UserError(f"explainer.baselines is empty; use some of {', '.join(Baseline)}.")
    return [Baseline(name) for name in names]


def baseline_image(image: Tensor, baseline: Baseline) -> Tensor:
    """The baseline of images [B, 3, H, W], float in 0..1, that needs no other image."""
    if baseline is Baseline.BLACK:
        return torch.zeros_like(image)
    if baseline is Baseline.MEAN:
        return image.mean(dim=(2, 3), keepdim=True).expand_as(image)
    assert baseline is Baseline.BLUR
    height, width = image.shape[2:]
    sigma = BLUR_SHARE * min(height, width)
    largest = 2 * ((min(height, width) - 1) // 2) - 1  # the reflected border must fit the image
    return gaussian_blur(image, kernel_size=min(2 * round(2 * sigma) + 1, largest), sigma=sigma)


class Baselines:
    """The baselines of a data module's images; empty belts are made from training images alone."""

    def __init__(self, data: PackageDataModule, names: Sequence[str]) -> None:
        self.data = data
        self.kinds = parse_baselines(names)
        self.belts = (
            {camera: empty_belt(data, camera) for camera in data.cameras}
            if Baseline.EMPTY_BELT in self.kinds
            else {}
        )

    def of(self, image: Tensor, path: str) -> Tensor:
        """The baselines [K, 3, H, W] of an image [3, H, W], float in 0..1, by its path.

        Those of a pair are made for each camera's half.
        """
        parts = path.split(JOIN)
        halves = zip(image[None].chunk(len(parts), dim=3), parts, strict=True)
        made = [
            torch.cat(
                [
                    self._belt(half, part)
                    if kind is Baseline.EMPTY_BELT
                    else baseline_image(half, kind)
                    for kind in self.kinds
                ]
            )
            for half, part in halves
        ]
        return torch.cat(made, dim=3)

    def _belt(self, image: Tensor, path: str) -> Tensor:
        """The empty belt in the window of an image [1, 3, H, W], in that image's light."""
        if not path:  # the camera's image is missing, and black is what stands for it
            return torch.zeros_like(image)
        [row] = self.data.table[self.data.table["path"] == path].to_dict("records")
        frame = cv2.resize(self.belts[row["perspective"]], (row["width"], row["height"]))
        height, width = image.shape[2:]
        cut = torch.from_numpy(row["window"].cut(frame, (height, width)))
        belt = cut.permute(2, 0, 1)[None].to(image) / 255
        package = package_mask(row, self.data.root)
        outside = np.ones((height, width), bool)
        if package is not None:
            outside = row["window"].cut(np.dstack([package] * 3), (height, width))[..., 0] < 128
        if outside.mean() < 0.02:  # nothing of the belt is in the window to take the light from
            return belt
        shown = torch.from_numpy(outside).to(image.device)
        light = image[0][:, shown].median(dim=1).values / belt[0][:, shown].median(
            dim=1
        ).values.clamp(min=1 / 255)
        return (belt * light.clamp(0.5, 2).view(1, 3, 1, 1)).clamp(0, 1)


def empty_belt(data: PackageDataModule, camera: str) -> np.ndarray:
    """What a camera sees without a package: RGB uint8 [*WORK, 3].

    The median over training frames of what lies outside their packages, which lie in different
    places; what no frame shows is taken from the same rows of the belt beside it. Raises UserError
    where there are too few frames.
    """
    table = data.table
    rows = table[(table["perspective"] == camera) & (table["split"] == Split.TRAIN)]
    rows = rows.iloc[:: -(-len(rows) // FRAMES) or 1] if len(rows) else rows
    frames = []
    for row in track(rows.to_dict("records"), f"empty belt, {camera}", total=len(rows)):
        package = package_mask(row, data.root)
        if package is None:
            continue
        reach = round(BESIDE * package.shape[1])
        covered = cv2.dilate(package, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        frame = cv2.resize(
            read_image(data.root / row["path"]), WORK[::-1], interpolation=cv2.INTER_AREA
        )
        hidden = cv2.resize(covered, WORK[::-1], interpolation=cv2.INTER_AREA) > 0
        frames.append(np.where(hidden[..., None], np.nan, frame.astype(np.float32)))
    if len(frames) < FEWEST:
        raise UserError(
            f"baseline empty_belt needs {FEWEST} training images of the {camera} camera on which "
            f"the package was found, and there are {len(frames)}; use black, mean or blur."
        )
    return _median(np.stack(frames))


def _median(frames: np.ndarray) -> np.ndarray:
    """The median of frames [N, H, W, 3], nan where hidden, in one light; uint8 [H, W, 3]."""
    light = np.nanmedian(frames, axis=(1, 2), keepdims=True)
    frames *= np.median(light, axis=0) / np.maximum(light, 1)
    seen = np.isfinite(frames[..., 0]).sum(axis=0)
    shown = seen >= min(3, len(frames))  # a pixel that one frame shows is that frame's noise
    belt = np.zeros(frames.shape[1:], np.float32)
    belt[shown] = np.nanmedian(frames[:, shown], axis=0)
    columns = pd.DataFrame(np.where(shown[..., None], belt, np.nan).reshape(len(belt), -1))
    for channel in range(3):
        rows = columns.iloc[:, channel::3]
        filled = rows.interpolate(axis=1, limit_direction="both").interpolate(
            limit_direction="both"
        )
        belt[..., channel] = filled.to_numpy()
    return np.clip(np.rint(belt), 0, 255).astype(np.uint8)
