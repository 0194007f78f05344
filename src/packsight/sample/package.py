"""The sample's package: a folding carton as a mesh, and what dents it.

Package frame: millimetres; x along the carton towards its printed front, y across, z up from the
belt, the origin under the carton's centre.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LENGTH, BREADTH, TALL = 130.0, 68.0, 48.0
HALF_LENGTH, HALF_BREADTH = LENGTH / 2, BREADTH / 2
EXTENT = np.array([HALF_LENGTH, HALF_BREADTH, TALL])
CELL = 3.0  # a mesh cell's edge, millimetres
TEXELS = 8  # of the print, per millimetre


@dataclass(frozen=True)
class Face:
    """A face as its print reads: its upper left corner and its edges, in millimetres."""

    corner: tuple[float, float, float]
    right: tuple[float, float, float]
    down: tuple[float, float, float]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in the print, texels."""
        return round(TEXELS * abs(sum(self.right))), round(TEXELS * abs(sum(self.down)))


_DOWN = (0, 0, -TALL)
FACES = {
    "top": Face((-HALF_LENGTH, HALF_BREADTH, TALL), (LENGTH, 0, 0), (0, -BREADTH, 0)),
    "left": Face((-HALF_LENGTH, -HALF_BREADTH, TALL), (LENGTH, 0, 0), _DOWN),
    "right": Face((HALF_LENGTH, HALF_BREADTH, TALL), (-LENGTH, 0, 0), _DOWN),
    "front": Face((HALF_LENGTH, -HALF_BREADTH, TALL), (0, BREADTH, 0), _DOWN),
    "back": Face((-HALF_LENGTH, HALF_BREADTH, TALL), (0, -BREADTH, 0), _DOWN),
}
# The print holds the faces one below the other; here each one starts, and the print ends.
*_STARTS, PRINT_HEIGHT = accumulate((face.size[1] for face in FACES.values()), initial=0)
ROWS = dict(zip(FACES, _STARTS, strict=True))


@dataclass(frozen=True)
class Mesh:
    points: Array  # [N, 3]
    normals: Array  # [N, 3]
    print_at: Array  # [N, 2] x, y in the print, texels
    displacement: Array  # [N] millimetres that damage moved the point
    triangles: Array  # [M, 3], indices of points


@dataclass(frozen=True)
class Dent:
    """A push, full at `centre`, nothing beyond the superellipsoid of `radii`."""

    centre: Array  # [3]
    radii: Array  # [3]
    push: Array  # [3], direction times depth
    bulge: Array  # [3], where the board gives way around the push
    fade: float  # 1 has a crease at its border, more is smoother

    def move(self, points: Array) -> Array:
        """Displacement [N, 3] of `points` [N, 3]."""
        offset = np.abs(points - self.centre) / self.radii
        radius = np.minimum((offset**1.7).sum(axis=1, keepdims=True) ** (1 / 1.7), 1)
        return (1 - radius**1.6) ** self.fade * self.push + np.sin(np.pi * radius) * self.bulge


def build_mesh(wear: Sequence[Dent], damage: Sequence[Dent], bow: Array) -> Mesh:
    """The carton's mesh; `bow` [3] is how far the faces across each axis bend outwards.

    `wear` and `damage` both deform it; only `damage` counts as displacement.
    """
    faces = [_face(name, wear, damage, bow) for name in FACES]
    starts = accumulate((len(face.points) for face in faces[:-1]), initial=0)
    return Mesh(
        points=np.concatenate([face.points for face in faces], dtype=np.float32),
        normals=np.concatenate([face.normals for face in faces], dtype=np.float32),
        print_at=np.concatenate([face.print_at for face in faces], dtype=np.float32),
        displacement=np.concatenate([face.displacement for face in faces], dtype=np.float32),
        triangles=np.concatenate(
            [f.triangles + start for f, start in zip(faces, starts, strict=True)]
        ),
    )


def _face(name: str, wear: Sequence[Dent], damage: Sequence[Dent], bow: Array) -> Mesh:
    face = FACES[name]
    right, down = np.array(face.right), np.array(face.down)
    s, t = np.meshgrid(_knots(right), _knots(down))
    height, width = s.shape
    rest = np.array(face.corner) + s[..., None] * right + t[..., None] * down
    rest = rest.reshape(-1, 3)
    outward = np.cross(down, right) / np.linalg.norm(np.cross(down, right))
    damaged = sum((dent.move(rest) for dent in damage), np.zeros_like(rest))
    points = rest + damaged + sum((dent.move(rest) for dent in wear), np.zeros_like(rest))
    points += outward * (np.abs(outward) @ bow) * (16 * s * (1 - s) * t * (1 - t)).reshape(-1, 1)
    points[:, 2] = np.maximum(points[:, 2], 0)

    surface = points.reshape(height, width, 3)
    normals = np.cross(np.gradient(surface, axis=0), np.gradient(surface, axis=1))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-9
    # A fold is round: at a face's border its normal leans over the border.
    for along, edge in ((s, right), (t, down)):
        lean = (along == 1).astype(float) - (along == 0)
        normals = normals + 0.5 * lean[..., None] * edge / np.linalg.norm(edge)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)

    # Inset, so that a print that is a little off does not show the next face's.
    texels = np.stack([s, t], axis=-1) * (np.array(face.size) - 13) + [6, ROWS[name] + 6]
    corner = (np.arange(height - 1)[:, None] * width + np.arange(width - 1)).reshape(-1, 1)
    offsets = np.array([[0, width, 1], [1, width, width + 1]])
    return Mesh(
        points,
        normals.reshape(-1, 3),
        texels.reshape(-1, 2),
        np.linalg.norm(damaged, axis=1),
        np.concatenate(corner + offsets[:, None]),
    )


def _knots(edge: Array) -> Array:
    """Places along an edge, 0..1: even, but for a narrow cell at each end, where the fold is."""
    length = float(np.linalg.norm(edge))
    fold = 0.8 / length
    return np.concatenate([[0], np.linspace(fold, 1 - fold, round(length / CELL)), [1]])


def place(mesh: Mesh, x: float, y: float, yaw: float) -> Mesh:
    """The mesh in the world: turned by `yaw` radians about the vertical, moved to x, y."""
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    turn = turn.astype(np.float32)
    offset = np.array([x, y, 0], np.float32)
    return replace(mesh, points=mesh.points @ turn.T + offset, normals=mesh.normals @ turn.T)


def draw_wear(rng: np.random.Generator) -> list[Dent]:
    """What every carton has: a few shallow pushes on its edges and faces."""
    dents = []
    for _ in range(rng.integers(2, 6)):
        centre = rng.uniform(-1, 1, 3)
        centre[rng.integers(3)] = rng.choice([-1, 1])
        centre = (centre * [1, 1, 0.5] + [0, 0, 0.5]) * EXTENT
        inward = [0, 0, TALL / 2] - centre
        push = inward / np.linalg.norm(inward) * rng.uniform(0.3, 1.3)
        dents.append(Dent(centre, rng.uniform(7, 20, 3), push, np.zeros(3), 1.5))
    return dents


def draw_damage(rng: np.random.Generator, flank: int, scale: float) -> list[Dent]:
    """One or two dents where the side camera sees them; `flank` is -1 or 1, or 0 if it sees none.

    They go down more than sideways, so that the camera above sees little of them.
    """
    return [_draw_dent(rng, flank, scale) for _ in range(1 + (rng.random() < 0.4))]


def _draw_dent(rng: np.random.Generator, flank: int, scale: float) -> Dent:
    depth = scale * rng.uniform(8, 17)
    side = flank or rng.choice([-1, 1])
    kinds = {"front edge": 0.26, "long edge": 0.34, "corner": 0.16, "flank": 0.1, "front": 0.05}
    kind = rng.choice([*kinds, "upright"], p=[*kinds.values(), 1 - sum(kinds.values())])
    if not flank and kind in ("flank", "upright"):
        kind = "long edge"
    # Centres are relative to the carton's half length, half breadth and height.
    bulge = np.zeros(3)
    if kind == "front edge":
        centre = [1, rng.uniform(-0.7, 0.7), 1]
        radii, push = rng.uniform([18, 18, 16], [45, 34, 30]), [-rng.uniform(0, 0.35), 0, -1]
        bulge[0] = 0.2
    elif kind == "long edge":
        centre = [rng.uniform(-0.5, 0.9), side, 1]
        radii, push = rng.uniform([20, 16, 16], [45, 34, 30]), [0, -side * rng.uniform(0, 0.35), -1]
        bulge[1] = 0.2 * side
    elif kind == "corner":
        centre = [1, side, 1]
        radii, push = rng.uniform(18, 38, 3), [-rng.uniform(0.2, 0.6), -side * 0.4, -1]
    elif kind == "front":
        centre = [1, rng.uniform(-0.5, 0.5), rng.uniform(0.4, 0.8)]
        radii, push = rng.uniform([25, 16, 12], [35, 28, 20]), [-1, 0, -0.2]
    elif kind == "flank":
        centre = [rng.uniform(-0.3, 0.8), side, rng.uniform(0.45, 0.9)]
        radii, push = rng.uniform([20, 25, 14], [42, 35, 24]), [0, -side, -0.2]
    else:
        centre = [1, side, rng.uniform(0.35, 0.8)]
        radii, push = rng.uniform([18, 18, 14], [28, 28, 26]), [-0.7, -0.7 * side, 0]
    push = np.array(push) / np.linalg.norm(push) * depth
    # A push deeper than half its reach would fold the board over itself.
    radii = np.maximum(radii, 2.2 * np.abs(push))
    return Dent(np.array(centre) * EXTENT, radii, push, bulge * depth, rng.uniform(1, 1.7))
