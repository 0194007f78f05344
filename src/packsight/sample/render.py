"""The embedded data: rendered packages on a roller belt, in the layout of real images."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np

from packsight.errors import UserError
from packsight.sample.conveyor import PHASES, belt_frame
from packsight.sample.package import Array, build_mesh, draw_damage, draw_wear, place
from packsight.sample.printing import artwork
from packsight.sample.scene import (
    CAMERAS,
    HEIGHT,
    WIDTH,
    Light,
    Mask,
    Scene,
    View,
    photograph,
    view,
)
from packsight.system.console import track
from packsight.system.files import replacing

MIN_DAMAGE = 2400  # pixels of damage that the side camera must see, some 230 of a 224×224 input
# How far beside the package's middle, in millimetres, the side camera must be to see a flank.
MIN_ASIDE = 60


@dataclass(frozen=True)
class Shot:
    """One camera's image of a package, with what is known about it."""

    perspective: str
    image: Array  # [H, W, 3], uint8 BGR
    package: Mask  # [H, W]
    damage: Mask  # [H, W], the visible part that damage moved


def render_sample(
    folder: Path,
    packages: int = 200,
    seed: int = 0,
    workers: int | None = None,
    damage_scale: float = 1.0,
) -> None:
    """Render `packages` packages, every second one damaged, each seen by both cameras.

    Writes `<label>/<perspective>/<serial>_<perspective>.jpg`, a Pascal VOC file beside each image
    (xmax and ymax are one past the last pixel) and, under `masks/`, the package's mask at the same
    path as `.png`. The files depend on the seed and `damage_scale`, a factor on the dents' depth,
    and not on the number of `workers` (threads; all cores if None).
    Raises UserError if `packages` or `damage_scale` is not positive.
    """
    if packages < 1:
        raise UserError(f"A sample of {packages} packages is empty: ask for 1 or more.")
    if not damage_scale > 0:
        raise UserError(f"A damage_scale of {damage_scale} is not positive: 1 is the usual one.")
    render = partial(_render_package, folder, seed, damage_scale)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in track(pool.map(render, range(packages)), "render packages", packages):
            pass


def _render_package(folder: Path, seed: int, damage_scale: float, index: int) -> None:
    rng = np.random.default_rng([seed, index])
    serial = f"{rng.integers(10**13):013d}"
    label, object_name = ("damaged", "damage") if index % 2 else ("intact", "intact")
    for shot in _shoot(rng, serial, label == "damaged", damage_scale):
        name = f"{label}/{shot.perspective}/{serial}_{shot.perspective}"
        _write_image(folder / f"{name}.jpg", shot.image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        _write_image(folder / f"masks/{name}.png", shot.package.astype(np.uint8) * 255, [])
        region = shot.damage if label == "damaged" else shot.package
        _write_annotation(folder / f"{name}.xml", object_name, region)


def _shoot(
    rng: np.random.Generator, serial: str, damaged: bool, damage_scale: float
) -> Iterator[Shot]:
    """Both cameras' images of one package; all that differs between packages comes from `rng`."""
    x, y = rng.uniform(-45, 45, 2)
    yaw = np.radians(rng.uniform(-20, 20))
    phase = int(rng.integers(PHASES))
    light = _draw_light(rng)
    lot = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ"), 2)) + str(rng.integers(10000, 99999))
    expiry = f"{rng.integers(1, 13):02d}.{rng.integers(2030, 2036)}"
    printed = artwork(serial, lot, expiry, shift=tuple(rng.uniform(-0.6, 0.6, 2)))
    bow, wear = rng.normal(0.2, 0.5, 3), draw_wear(rng)
    to_camera = CAMERAS["side"].position[:2] - (x, y)
    across = np.cos(yaw) * to_camera[1] - np.sin(yaw) * to_camera[0]
    flank = int(np.sign(across)) if abs(across) > MIN_ASIDE else 0
    while True:
        damage = draw_damage(rng, flank, damage_scale) if damaged else []
        scene = Scene(place(build_mesh(wear, damage, bow), x, y, yaw), printed, light)
        views = {"side": view(scene, CAMERAS["side"])}
        if not damaged or _damage(scene, views["side"]).sum() >= MIN_DAMAGE:
            break
    views["top"] = view(scene, CAMERAS["top"])
    for name, seen in views.items():
        image = photograph(scene, CAMERAS[name], seen, belt_frame(name, phase), rng)
        yield Shot(name, image, seen.mask(seen.covered), _damage(scene, seen))


def _draw_light(rng: np.random.Generator) -> Light:
    """A lamp above the belt, never behind the package as the side camera sees it."""
    azimuth, elevation = rng.uniform(-1.8, 1.2), np.radians(rng.uniform(48, 75))
    level = np.cos(elevation)
    direction = [np.cos(azimuth) * level, np.sin(azimuth) * level, np.sin(elevation)]
    return Light(
        direction=np.array(direction, np.float32),
        strength=rng.uniform(0.3, 0.55),
        exposure=rng.uniform(0.76, 0.92),
        tilt=rng.uniform(-0.08, 0.08, 2).astype(np.float32),
        tint=(1 + rng.normal(0, 0.008, 3)).astype(np.float32),
    )


def _damage(scene: Scene, seen: View) -> Mask:
    """Where damage moved the visible surface by more than a quarter of its deepest move."""
    deepest = scene.mesh.displacement.max()
    return seen.mask(seen.displacement > 0.25 * deepest)


def _write_image(path: Path, image: Array, options: list[int]) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(path.suffix, image, options)[1].tobytes())


def _write_annotation(path: Path, name: str, region: Mask) -> None:
    """Write a Pascal VOC file with one object that boxes `region`, or none if it is empty."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = path.with_suffix(".jpg").name
    _add_numbers(root, "size", width=WIDTH, height=HEIGHT, depth=3)
    if region.any():
        item = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(item, "name").text = name
        x, y, width, height = cv2.boundingRect(region.astype(np.uint8))
        _add_numbers(item, "bndbox", xmin=x, ymin=y, xmax=x + width, ymax=y + height)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _add_numbers(parent: ElementTree.Element, tag: str, **numbers: int) -> None:
    element = ElementTree.SubElement(parent, tag)
    for name, number in numbers.items():
        ElementTree.SubElement(element, name).text = str(number)
