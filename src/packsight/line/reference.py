"""What validation looked like, which the packages of a line are compared with."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from packsight.decision.terms import Action
from packsight.line.profile import agreement, usual
from packsight.line.verdict import ImageSeen, Verdict

STILL = ("rows", "columns")  # agreement of what stands still with its usual place
PLACED = ("x", "y", "width", "height", "angle")  # of the window, where the package was located
SIGNALS = ("score", "brightness", "sharpness", *STILL, *PLACED)
MANY = 200  # images, beside which one of them hardly changes what is usual
FRAME = "frame"  # an image's crop where the package was not found


@dataclass(frozen=True)
class CameraReference:
    """One camera's images; a list has a value per image that has one."""

    score: tuple[float, ...] = ()  # raw probability of damaged
    brightness: tuple[float, ...] = ()  # mean grey value, 0..255
    sharpness: tuple[float, ...] = ()  # variance of the Laplacian
    rows: tuple[float, ...] = ()  # correlation of what stands still with that in all other images
    columns: tuple[float, ...] = ()
    x: tuple[float, ...] = ()  # the window's centre, as a share of the frame's width
    y: tuple[float, ...] = ()  # and of its height
    width: tuple[float, ...] = ()  # the window's size, as shares of the frame's
    height: tuple[float, ...] = ()
    angle: tuple[float, ...] = ()  # degrees
    images: int = 0  # that could be read
    located: float = 1.0  # share of those in which the package was found
    profile: str = ""  # what stands still, the median of all


@dataclass(frozen=True)
class Reference:
    """What validation packages looked like to each camera, and what was decided on them."""

    cameras: dict[str, CameraReference]
    packages: int
    score: tuple[float, ...] = ()  # of packages, fused
    decisions: dict[str, float] = field(default_factory=dict)  # share of each action

    @classmethod
    def measure(cls, verdicts: Iterable[Verdict]) -> "Reference":
        """That of these packages; images that could not be read count for nothing."""
        decided = list(verdicts)
        by_camera: dict[str, list[ImageSeen]] = {}
        for image in (image for verdict in decided for image in verdict.images):
            if not image.error:
                by_camera.setdefault(image.camera, []).append(image)
        return cls(
            {camera: _measured(images) for camera, images in sorted(by_camera.items())},
            len(decided),
            _known(verdict.score for verdict in decided),
            {
                action.value: sum(verdict.decision == action for verdict in decided) / len(decided)
                for action in Action
                if decided
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reference":
        """The inverse of `to_dict`, also of what went through JSON."""
        cameras = {
            camera: CameraReference(
                **held | {name: tuple(map(float, held.get(name, ()))) for name in SIGNALS}
            )
            for camera, held in values["cameras"].items()
        }
        score = tuple(values["score"])
        return cls(cameras, int(values["packages"]), score, dict(values["decisions"]))


def measures(image: ImageSeen, still: str = "") -> dict[str, float]:
    """The signals of an image that are known, by name; windows as shares of the frame.

    `still` is the usual profile of its camera's images.
    """
    found: dict[str, float | None] = {
        "score": image.score, "brightness": image.brightness, "sharpness": image.sharpness
    }  # fmt: skip
    if still and image.profile:
        found |= agreement(image.profile, still)
    if image.window is not None and image.size is not None and image.crop == "auto":
        height, width = image.size
        x, y, across, down, angle = image.window
        placed = (x / width, y / height, across / width, down / height, angle)
        found |= dict(zip(PLACED, placed, strict=True))
    return {name: value[0] for name, one in found.items() if (value := _known([one]))}


def _measured(images: list[ImageSeen]) -> CameraReference:
    profiles = [image.profile for image in images if image.profile]
    still = usual(profiles) if profiles else ""
    rows = [
        measures(image, still if len(profiles) > MANY else _usual_beside(image, images))
        for image in images
    ]
    located = sum(image.crop != FRAME for image in images) / len(images)
    signals = {name: _known(row.get(name) for row in rows) for name in SIGNALS}
    return CameraReference(images=len(images), located=located, profile=still, **signals)


def _usual_beside(image: ImageSeen, images: list[ImageSeen]) -> str:
    """The usual profile of all other images: each would agree too well with its own."""
    others = [one.profile for one in images if one is not image and one.profile]
    return usual(others) if others else ""


def _known(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(float(value) for value in values if value is not None and math.isfinite(value))
