"""Where the package is: the part of a frame that does not look like the belt.

What a belt looks like is a codebook of local colour and texture for each band of rows, as in
codebook background subtraction (Kim et al. 2005); `belt_fit` learns it from frames.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from packsight.domain import Box, Upright

WORK = (270, 480)  # height and width at which frames are looked at, whatever their own
CELLS = (135, 240)  # what is described: cells of 2×2 of those pixels
WINDOWS = (5, 11, 21)  # pixels around a cell over which brightness and texture are taken
BAND = 5  # rows of cells that share a codebook: a belt looks different further away
WORDS = 32  # in a codebook
LEAST, MOST = 0.004, 0.6  # share of the frame that a package covers
EDGE_LEVEL = 0.5  # of a package's median strangeness: where its outline runs
CORE = 0.2  # of its box, at least, lies inside a package's outline
OUTLYING = 0.003  # share of a package's cells, at each end, that its extent leaves out
Array = npt.NDArray[np.float32]


class Place(NamedTuple):
    """Where a package is, in pixels of its frame."""

    box: Box  # holds all of it, and some of its shadow
    upright: Upright  # its outline alone, which may be turned


def describe(frame: Array) -> Array:
    """Lab colour, and brightness and texture at three scales, of RGB uint8: float32 [*CELLS, 8]."""
    small = cv2.resize(frame, WORK[::-1], interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = lab[..., 0]
    # The weights make a visible difference of each kind about equally long.
    channels = [2 * cv2.blur(lab[..., channel], (5, 5)) for channel in (1, 2)]
    for width in WINDOWS:
        mean = cv2.blur(light, (width, width))
        variance = cv2.blur(light * light, (width, width)) - mean * mean
        channels += [mean, 4 * np.log(np.sqrt(np.maximum(variance, 0)) + 0.5)]
    cells = [cv2.resize(item, CELLS[::-1], interpolation=cv2.INTER_AREA) for item in channels]
    return np.stack(cells, axis=-1)


@dataclass(frozen=True)
class BeltModel:
    """What one camera's belt looks like. `words` is float32 [bands, WORDS, 8]."""

    words: Array
    scale: Array  # float32 [bands]: how far the belt's own cells are from their words
    grow: float  # cells stranger than this may be package …
    seed: float  # … where at least one beside them is stranger than this

    def strangeness(self, cells: Array) -> Array:
        """Distance of each cell to the belt's nearest word, smoothed: float32 [*CELLS]."""
        bands = cells.reshape(len(self.words), -1, cells.shape[-1])
        # |cell - word|² without |cell|², which is the same for all words.
        squares = -2 * self.words @ bands.transpose(0, 2, 1)
        squares += (self.words**2).sum(-1)[:, :, None]
        nearest = squares.min(1) + (bands**2).sum(-1)
        distance = np.sqrt(np.maximum(nearest, 0)) / self.scale[:, None]
        return cv2.GaussianBlur(distance.reshape(CELLS), (0, 0), 1.5)

    def locate(self, frame: Array) -> Place | None:
        """The package in an RGB frame [H, W, 3]; None if nothing stands out."""
        strange = self.strangeness(describe(frame))
        region = self.region(strange)
        if region is None:
            return None
        scale = np.array(frame.shape[1::-1]) / CELLS[::-1]
        xmin, ymin, xmax, ymax = np.rint(region * np.tile(scale, 2)).astype(int).tolist()
        return Place((xmin, ymin, xmax, ymax), self._outline(strange, region, scale))

    def _outline(self, strange: Array, region: Array, scale: Array) -> Upright:
        """Centre, size and angle of the region's core; `scale` is the pixels of a cell."""
        xmin, ymin, xmax, ymax = region
        inside = strange[ymin:ymax, xmin:xmax]
        level = EDGE_LEVEL * np.median(inside[inside > self.grow])
        _, labels, stats, _ = cv2.connectedComponentsWithStats((inside > level).astype(np.uint8))
        rows, columns = np.nonzero(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax())
        if len(rows) < CORE * inside.size:  # speckle: what stands out here has no outline
            rows, columns = np.nonzero(inside > self.grow)
        cells = (np.stack([columns, rows], axis=1) + region[:2] + 0.5) * scale
        _, axes = np.linalg.eigh(np.cov(cells.T))
        along = axes[:, 1] * np.sign(axes[0, 1] or 1)  # the longer axis, pointing right
        turn = np.array([along, [-along[1], along[0]]])
        low, high = np.quantile(cells @ turn.T, [OUTLYING, 1 - OUTLYING], axis=0)
        (x, y), (width, height) = (low + high) / 2 @ turn, high - low + scale
        angle = np.degrees(np.arctan2(along[1], along[0]))
        x, y, width, height, angle = np.round([x, y, width, height, angle], 1).tolist()
        return x, y, width, height, angle

    def region(self, strange: Array) -> Array | None:
        """Box in cells of the strangest connected region that is not too small or large."""
        over = (strange > self.grow).astype(np.uint8)
        opened = cv2.morphologyEx(over, cv2.MORPH_OPEN, np.ones((7, 7)))
        mask = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((9, 9)))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        amount = np.bincount(labels.ravel(), np.minimum(strange, 8).ravel(), minlength=count)
        seeded = np.unique(labels[strange > self.seed])
        for label in sorted(seeded[seeded > 0], key=lambda label: -amount[label]):
            x, y, width, height, area = stats[label]
            if area / mask.size > LEAST and width * height / mask.size < MOST:
                return np.array([x, y, x + width, y + height])
        return None
