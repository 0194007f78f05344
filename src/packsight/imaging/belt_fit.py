"""What a camera's belt looks like, learned from its own frames with packages on them.

Nothing is known of a package but that it is one region, and lies elsewhere in other frames.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from packsight.imaging.belt import BAND, CELLS, WORDS, Array, BeltModel, Place, describe
from packsight.system.console import track

RARE = 0.002  # words that describe fewer of a band's cells are chance, or the package
DRAWN = 3000  # cells of a band that its codebook is made from
FRAMES = 150  # at most, for the model of a belt
FEWEST = 8  # frames from which a belt can be told from what lies on it
ROUNDS = 3  # of locating the packages and learning the belt from what is beside them
BESIDE = 0.35  # of a package's longer side: what is nearer to it may be package or shadow
EDGE = 0.12  # of a frame: before any package is located, its edge stands for the belt
GROW, SEED = 0.985, 0.999  # quantiles of the belt's own strangeness that package cells surpass


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
        regions = [model.region(model.strangeness(cells)) for cells in described]
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
