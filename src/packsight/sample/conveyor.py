"""The sample's roller belt, as each of the two cameras sees it when it is empty."""

from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from packsight.sample.package import Array
from packsight.sample.scene import CAMERAS, HEIGHT, SUPERSAMPLING, WIDTH, Camera

# The belt repeats every TILE (x, y) millimetres; its texture holds TILES of them each way, each
# worn differently, and the belt stops at PHASES places along y.
TILE = (62.0, 48.0)
TILES = 3
TEXELS = 5.0  # per millimetre
TOP, BOTTOM = 0.6, -13.0  # the surface's highest and lowest point, millimetres
LAYERS = 10
MARGIN = 620  # texels around the texture, more than a ray moves on its way down
PHASES = 6
FAR_END = -390.0
STEEL = (1.07, 1.0, 0.98)


def _blur(texture: Array, sigma: float) -> Array:
    """Gaussian blur of a periodic texture."""
    margin = round(3 * sigma) + 1
    wrapped = cv2.GaussianBlur(np.pad(texture, margin, mode="wrap"), (0, 0), sigma)
    return wrapped[margin:-margin, margin:-margin]


@lru_cache(maxsize=1)
def belt_texture() -> tuple[Array, Array]:
    """Height in millimetres (TOP down to BOTTOM) and brightness, each [h, w], periodic in both.

    Two rollers a pocket, their axes along x, between bars along x and chains along y.
    """
    x, y = (np.mod(np.arange(round(TEXELS * TILES * size)) / TEXELS, size) for size in TILE)
    x, y = (axis.astype(np.float32) for axis in np.meshgrid(x, y))
    to_chain, to_bar = np.minimum(x, TILE[0] - x), np.minimum(y, TILE[1] - y)
    radius = 8.6
    across = np.abs(np.abs(y - TILE[1] / 2) - 9.4)  # from a roller's axis
    roller = np.sqrt(np.maximum(radius**2 - across**2, 0)) - radius + TOP
    roller -= np.clip(7.5 - to_chain, 0, 2)
    roller[(across > radius) | (to_chain < 5.2)] = BOTTOM
    bar = np.where(to_bar < 3.2, -np.clip(to_bar - 2.6, 0, 1), BOTTOM)
    chain = np.where(to_chain < 3.4, -1.2 - np.clip(to_chain - 2.8, 0, 1), BOTTOM)
    pin = np.where(np.hypot(to_chain, y - TILE[1] / 2) < 2.2, -0.3, BOTTOM)
    height = np.maximum.reduce([roller, bar, chain, pin]).astype(np.float32)

    rng = np.random.default_rng(0)
    wear, grain = rng.standard_normal((2, *height.shape), dtype=np.float32)
    dust = (rng.random(height.shape) < 8e-5).astype(np.float32)
    smooth = _blur(height, 1.0)
    slope_y, slope_x = np.gradient(smooth, 1 / TEXELS)
    facing = (1 - 0.30 * slope_x + 0.42 * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    occlusion = np.clip(1 + (height - _blur(height, 14)) / 15, 0.55, 1.1)
    bright = (0.30 + 0.42 * np.clip(facing, 0, 1.4)) * occlusion * np.exp(0.08 * (smooth - TOP))
    bright *= (1 + 0.9 * _blur(wear, 10)) * (1 + 0.16 * _blur(grain, 1))
    bright *= 1 - np.minimum(4 * _blur(dust, 1.2), 0.35)
    return smooth, _blur(bright.astype(np.float32), 0.6)


@lru_cache(maxsize=2 * PHASES)
def belt_frame(perspective: str, phase: int) -> Array:
    """The empty belt [HEIGHT, WIDTH, 3], stopped at one of PHASES places along y.

    Relief mapping (Policarpo et al. 2005): every pixel's ray descends through layers of height
    until it is below the belt's surface.
    """
    camera = CAMERAS[perspective]
    across = (np.arange(WIDTH * SUPERSAMPLING, dtype=np.float32) + 0.5) / SUPERSAMPLING - WIDTH / 2
    down = (np.arange(HEIGHT * SUPERSAMPLING, dtype=np.float32) + 0.5) / SUPERSAMPLING - HEIGHT / 2
    right, below, forward = camera.axes
    ray_x, ray_y, ray_z = (
        across * right[axis] + down[:, None] * below[axis] + camera.focal * forward[axis]
        for axis in range(3)
    )
    height, bright = belt_texture()
    rows, columns = height.shape
    moved = TILES * TILE[1] * phase / PHASES
    # Texels that the ray moves per millimetre of height, and where it meets height 0.
    texels = TEXELS / np.minimum(ray_z, -1)
    slope_x, slope_y = texels * ray_x, texels * ray_y
    x, y, z = camera.position
    start_x = np.mod(TEXELS * x - z * slope_x, np.float32(columns)) + MARGIN
    start_y = np.mod(TEXELS * (y - moved) - z * slope_y, np.float32(rows)) + MARGIN
    height, bright = (np.pad(texture, MARGIN, mode="wrap") for texture in (height, bright))

    def look(texture: Array) -> Array:
        map_x, map_y = start_x + level * slope_x, start_y + level * slope_y
        return cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR)

    level = np.full_like(ray_z, TOP)
    for _ in range(LAYERS):
        level -= np.clip(level - look(height), 0, (TOP - BOTTOM) / LAYERS)
    # A ray that ended below the surface went into a wall, which gets less light the deeper it is.
    wall = np.clip((look(height) - level - 0.5) / 2, 0, 1)
    gray = look(bright) * (1 - wall * (0.4 - 0.05 * level))
    frame = gray[..., None] * np.array(STEEL, np.float32)
    if perspective == "side":
        _draw_far_end(frame, camera)
    return cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _draw_far_end(frame: Array, camera: Camera) -> None:
    """Draw the guide rail at the belt's far end, and the wall behind it, as bands along y."""
    bands = [  # x beyond the belt's end, z, brightness: of a band's lower and upper edge
        ((0, -8, 0.10), (0, 0, 0.16)),
        ((0, 0, 0.60), (0, 9, 0.66)),
        ((0, 9, 0.72), (-12, 10, 0.70)),
        ((-12, 10, 0.16), (-12, 16, 0.12)),
        ((-12, 16, 0.24), (-12, 44, 0.42)),
        ((-12, 44, 0.62), (-14, 48, 0.80)),
        ((-14, 48, 0.66), (-34, 50, 0.60)),
        ((-200, 20, 0.60), (-200, 600, 0.66)),
    ]
    for lower, upper in reversed(bands):
        for (low_x, low_z, bright), (high_x, high_z, _) in pairwise(np.linspace(lower, upper, 9)):
            low, high = (FAR_END + low_x, low_z), (FAR_END + high_x, high_z)
            corners = [
                (x, y, z) for (x, z), y in ((low, -900), (low, 900), (high, 900), (high, -900))
            ]
            pixels = camera.project(np.array(corners, np.float32))[0] * SUPERSAMPLING
            colour = [bright * channel for channel in STEEL]
            cv2.fillConvexPoly(frame, np.round(pixels * 16).astype(np.int32), colour, cv2.LINE_8, 4)
