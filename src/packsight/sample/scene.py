"""The sample's plant: two pinhole cameras, the light, and a photograph of a package on the belt.

World: millimetres; x runs across the belt towards the side camera, y along the belt, z up from
the belt's surface. Colours are BGR in 0..1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packsight.sample.package import Array, Mesh

Mask = NDArray[np.bool_]

WIDTH, HEIGHT = 960, 540
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: `axes` [3, 3] has its right, down and forward directions as rows."""

    position: Array
    axes: Array
    focal: float

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels [N, 2] and depths [N] of world points [N, 3]."""
        seen = (points - self.position) @ self.axes.T
        centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2], np.float32)
        return self.focal * seen[:, :2] / seen[:, 2:] + centre, seen[:, 2]


def look_at(position: Sequence[float], target: Sequence[float], up: int, focal: float) -> Camera:
    """A camera whose image's vertical follows the world axis `up`."""
    origin = np.array(position, np.float32)
    forward = np.array(target, np.float32) - origin
    right = np.cross(forward, np.eye(3)[up])
    axes = np.stack([right, np.cross(forward, right), forward])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Camera(origin, axes.astype(np.float32), focal)


CAMERAS = {
    "top": look_at((0, 0, 1000), (0, 0, 0), up=1, focal=2000),
    "side": look_at((405, -120, 165), (4, -2, 9), up=2, focal=1180),
}


@dataclass(frozen=True)
class Light:
    direction: Array  # [3], unit, towards the lamp
    strength: float  # of the lamp; the rest comes from everywhere
    exposure: float
    tilt: Array  # [2], relative change of brightness from the frame's centre to its edges
    tint: Array  # [3], BGR

    def shade(self, mesh: Mesh) -> Array:
        """Brightness [N] of white board at the mesh's points (Lambert, and a guess at ambience)."""
        lamp = np.maximum(mesh.normals @ self.direction, 0)
        sky = 0.78 + 0.22 * mesh.normals[:, 2]
        near_belt = 1 - 0.22 * np.exp(-mesh.points[:, 2] / 7)
        hollow = 1 - 0.25 * np.clip(mesh.displacement / 15, 0, 1)
        return (self.strength * lamp + (1 - 0.65 * self.strength) * sky) * near_belt * hollow


@dataclass(frozen=True)
class Scene:
    """One package on the belt, at rest."""

    mesh: Mesh
    artwork: Array  # [h, w, 3], uint8 BGR
    light: Light


@dataclass(frozen=True)
class View:
    """What a camera sees of the package, in a window of its frame and there supersampled."""

    x: int  # the window's left border, pixels of the frame
    y: int
    covered: Mask  # [h, w]
    print_at: tuple[Array, Array]  # x and y in the print, each [h, w]
    shade: Array  # [h, w]
    displacement: Array  # [h, w], millimetres that damage moved the surface

    def mask(self, chosen: Mask) -> Mask:
        """`chosen` [h, w] as a mask of the whole frame [HEIGHT, WIDTH]."""
        mask = np.zeros((HEIGHT, WIDTH), np.bool_)
        part = _shrink(chosen.astype(np.float32)) >= 0.5
        mask[self.y : self.y + part.shape[0], self.x : self.x + part.shape[1]] = part
        return mask


def _shrink(image: Array) -> Array:
    height, width = image.shape[:2]
    size = (width // SUPERSAMPLING, height // SUPERSAMPLING)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def view(scene: Scene, camera: Camera) -> View:
    """Draw the triangles from far to near, then interpolate their corners' values per pixel."""
    mesh = scene.mesh
    pixels, depth = camera.project(mesh.points)
    low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 3, (WIDTH, HEIGHT))
    pixels = (pixels - low.astype(np.float32) + 0.5) * SUPERSAMPLING - 0.5
    corners = pixels[mesh.triangles]
    (ax, ay), (bx, by) = ((corners[:, k] - corners[:, 0]).T for k in (1, 2))
    area = ax * by - ay * bx
    facing = np.flatnonzero(area < -0.1)
    order = facing[np.argsort(-depth[mesh.triangles[facing]].sum(axis=1), kind="stable")]
    drawn = np.full((high - low)[::-1] * SUPERSAMPLING, -1, np.int32)
    outlines = np.round(corners[order] * 16).astype(np.int32)
    for number, outline in enumerate(outlines):
        cv2.fillConvexPoly(drawn, outline, number, cv2.LINE_8, 4)

    covered = drawn >= 0
    drawn[~covered] = 0
    x, y = (np.arange(size, dtype=np.float32) for size in drawn.shape[::-1])
    triangles, area, origin = mesh.triangles[order], area[order], corners[order, 0]
    ax, ay, bx, by = (side[order] for side in (ax, ay, bx, by))

    def interpolate(values: Array) -> Array:
        """A value per point [N] as a value per pixel: every triangle spans a plane over x and y.

        Drawing rounds outwards, and a plane seen edge-on is steep: hence the bounds.
        """
        first, second, third = corners = values[triangles].T
        slope_x = ((second - first) * by - (third - first) * ay) / area
        slope_y = ((third - first) * ax - (second - first) * bx) / area
        constant = first - slope_x * origin[:, 0] - slope_y * origin[:, 1]
        plane = slope_x[drawn] * x + slope_y[drawn] * y[:, None] + constant[drawn]
        return np.clip(plane, corners.min(axis=0)[drawn], corners.max(axis=0)[drawn])

    return View(
        x=int(low[0]),
        y=int(low[1]),
        covered=covered,
        print_at=(interpolate(mesh.print_at[:, 0]), interpolate(mesh.print_at[:, 1])),
        shade=interpolate(scene.light.shade(mesh)),
        displacement=np.where(covered, interpolate(mesh.displacement), 0),
    )


def photograph(
    scene: Scene, camera: Camera, seen: View, belt: Array, rng: np.random.Generator
) -> Array:
    """The camera's image [HEIGHT, WIDTH, 3] (uint8): the package on `belt`, light, lens, sensor."""
    light = scene.light
    frame = cv2.multiply(belt, _channels(_light_on_belt(scene, camera)))
    colour = cv2.remap(scene.artwork, *seen.print_at, cv2.INTER_LINEAR).astype(np.float32) / 255
    colour *= np.where(seen.covered, seen.shade, 0)[..., None]
    alpha = _shrink(seen.covered.astype(np.float32))
    rows = slice(seen.y, seen.y + alpha.shape[0])
    columns = slice(seen.x, seen.x + alpha.shape[1])
    frame[rows, columns] = frame[rows, columns] * (1 - alpha[..., None]) + _shrink(colour)

    across, down = (np.linspace(-1, 1, size, dtype=np.float32) for size in (WIDTH, HEIGHT))
    gain = light.exposure * (1 + light.tilt[0] * across + light.tilt[1] * down[:, None])
    frame = cv2.multiply(frame, cv2.merge([gain * channel for channel in light.tint]))
    frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.4, 0.8))
    noise = rng.standard_normal((HEIGHT, WIDTH), np.float32) * np.float32(rng.uniform(0.002, 0.005))
    return cv2.convertScaleAbs(np.maximum(cv2.add(frame, _channels(noise)), 0), alpha=255)


def _channels(gray: Array) -> Array:
    return cv2.merge([gray, gray, gray])


def _light_on_belt(scene: Scene, camera: Camera) -> Array:
    """How much light [HEIGHT, WIDTH] reaches the belt around the package: lamp, sky, contact."""
    mesh, light = scene.mesh, scene.light
    thrown = mesh.points - mesh.points[:, 2:] * light.direction / light.direction[2]
    # It is soft: half the resolution will do.
    lit = np.ones((HEIGHT // 2, WIDTH // 2), np.float32)
    base = mesh.points[mesh.points[:, 2] < 1] * np.array([1, 1, 0], np.float32)
    for points, softness, strength in (
        (thrown, 3.5, 0.45 * light.strength),
        (base, 4.5, 0.35),
        (base, 1.3, 0.45),
    ):
        outline = cv2.convexHull(camera.project(points)[0])
        layer = np.ones_like(lit)
        cv2.fillConvexPoly(layer, np.round(outline * 8).astype(np.int32), 1 - strength, shift=4)
        lit *= cv2.GaussianBlur(layer, (0, 0), softness)
    return cv2.resize(lit, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
