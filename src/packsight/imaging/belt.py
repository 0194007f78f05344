"""Where the package is: the part of a frame that does not look like the belt.

What a belt looks like is learned from the frames themselves, per camera: a codebook of local colour
and texture for each band of rows, as in codebook background subtraction (Kim et al. 2005). Nothing
is known of the package but that it is one region, and that it lies elsewhere in other frames.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from packsight.domain import Box, Upright
from packsight.system.console import track

WORK = (270, 480)  # height and width at which frames are looked at, whatever their own
CELLS = (135, 240)  # what is described: cells of 2×2 of those pixels
WINDOWS = (5, 11, 21)  # pixels around a cell over which brightness and texture are taken
BAND = 5  # rows of cells that share a codebook: a belt looks different further away
WORDS = 32  # in a codebook
RARE = 0.002  # words that describe fewer of a band's cells are chance, or the package
DRAWN = 3000  # cells of a band that its codebook is made from
FRAMES = 150  # at most, for the model of a belt
FEWEST = 8  # frames from which a belt can be told from what lies on it
ROUNDS = 3  # of locating the packages and learning the belt from what is beside them
BESIDE = 0.35  # of a package's longer side: what is nearer to it may be package or shadow
EDGE = 0.12  # of a frame: before any package is located, its edge stands for the belt
GROW, SEED = 0.985, 0.999  # quantiles of the belt's own strangeness that package cells surpass
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
        region = self._region(strange)
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

    def _region(self, strange: Array) -> Array | None:
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


def fit_belt(frames: Sequence[Array]) -> BeltModel:
    """Learn a belt from its camera's described frames, float32 [*CELLS, 8] each.

    Begins with the frames' edges, then alternates between locating the packages and learning from
    what is beside them, so that a package that touches an edge is unlearned.
    """
    described = np.stack(frames)
    rows, columns = (round(EDGE * cells) for cells in CELLS)
    belt = np.ones(described.shape[:3], bool)
    belt[:, rows:-rows, columns:-columns] = False
    for _ in range(ROUNDS):
        model = _learn(described, belt)
        regions = [model._region(model.strangeness(cells)) for cells in described]
        for outside, region in zip(belt, regions, strict=True):
            outside[:] = True
            if region is not None:
                beside = round(BESIDE * max(region[2:] - region[:2]))
                xmin, ymin = np.maximum(region[:2] - beside, 0)
                xmax, ymax = region[2:] + beside
                outside[ymin:ymax, xmin:xmax] = False
    return model


def _learn(described: Array, belt: Array) -> BeltModel:
    """Codebooks and limits from the cells [N, *CELLS] that are taken for belt."""
    rng = np.random.default_rng(0)
    cv2.setRNGSeed(0)
    words, scales = [], []
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1e-3)
    for top in range(0, CELLS[0], BAND):
        rows = slice(max(0, top - BAND), top + 2 * BAND)
        cells = described[:, rows][belt[:, rows]]
        if not len(cells):  # packages everywhere in these rows, in all frames
            cells = described[:, rows].reshape(-1, described.shape[-1])
        cells = cells[rng.integers(len(cells), size=DRAWN)]
        first = np.empty(0, np.int32)  # k-means++ chooses where to start
        _, labels, centres = cv2.kmeans(cells, WORDS, first, stop, 1, cv2.KMEANS_PP_CENTERS)
        used = np.bincount(labels[:, 0], minlength=WORDS) >= RARE * DRAWN
        # A rare word becomes a copy of a common one, so that all codebooks have one shape.
        centres[~used] = centres[used][0]
        words.append(centres)
        distances = np.linalg.norm(cells - centres[labels[:, 0]], axis=1)
        scales.append(max(float(np.sqrt(np.mean(distances**2))), 0.1))
    model = BeltModel(np.stack(words), np.array(scales, np.float32), 0.0, 0.0)
    own = [
        model.strangeness(cells)[outside] for cells, outside in zip(described, belt, strict=True)
    ]
    grow, seed = np.quantile(np.concatenate(own), [GROW, SEED]).tolist()
    return BeltModel(model.words, model.scale, grow, seed)


def locate_packages(
    read: Callable[[int], Array], frames: Mapping[str, Sequence[int]]
) -> tuple[dict[str, BeltModel], dict[int, Place | None]]:
    """Belt models per camera, and the package's place in each frame, None where it was not found.

    `frames` are the rows of each camera, `read` gives a row's frame, RGB uint8 [H, W, 3]. A camera
    with fewer than `FEWEST` frames gets no model.
    """
    belts: dict[str, BeltModel] = {}
    places: dict[int, Place | None] = {}
    with ThreadPoolExecutor() as pool:
        for camera, rows in frames.items():
            if len(rows) < FEWEST:
                places |= dict.fromkeys(rows)
                continue
            step = -(-len(rows) // FRAMES)
            some = rows[::step]
            described = pool.map(lambda row: describe(read(row)), some)
            belt = fit_belt([*track(described, f"learn the belt, {camera}", len(some))])
            found = pool.map(lambda row, belt=belt: belt.locate(read(row)), rows)
            shown = track(found, f"locate packages, {camera}", len(rows))
            places |= dict(zip(rows, shown, strict=True))
            belts[camera] = belt
    return belts, places
