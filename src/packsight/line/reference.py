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
SIGNALS = ("brightness", "sharpness", *STILL, *PLACED)
LABELLED = ("intact", "damaged")  # scores of packages of each label
MANY = 200  # images, beside which one of them hardly changes what is usual
FRAME = "frame"  # an image's crop where the package was not found


@dataclass(frozen=True)
class CameraReference:
    """One camera's images; a list has a value per image that has one."""

    intact: tuple[float, ...] = ()  # raw probability of damaged, of intact packages
    damaged: tuple[float, ...] = ()  # and of damaged ones
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
    intact: tuple[float, ...] = ()  # fused scores of intact packages
    damaged: tuple[float, ...] = ()
    decided: dict[str, dict[str, int]] = field(default_factory=dict)  # packages by label, action
    share: float | None = None  # of damaged packages, that the decision expects on the line

    @classmethod
    def measure(
        cls,
        verdicts: Iterable[Verdict],
        damaged: Mapping[str, bool] | None = None,
        share: float | None = None,
    ) -> "Reference":
        """That of these packages; images that could not be read count for nothing.

        `damaged` tells labels by serial: without one a package's score and decision are left out.
        """
        found, labels = list(verdicts), damaged or {}
        by_camera: dict[str, list[tuple[ImageSeen, bool | None]]] = {}
        for verdict in found:
            for image in verdict.images:
                if not image.error:
                    seen = by_camera.setdefault(image.camera, [])
                    seen.append((image, labels.get(verdict.serial)))
        of_label = {
            name: [one for one in found if labels.get(one.serial) == (name == LABELLED[1])]
            for name in LABELLED
        }
        return cls(
            {camera: _measured(seen) for camera, seen in sorted(by_camera.items())},
            len(found),
            **{name: _known(one.score for one in of) for name, of in of_label.items()},
            decided={
                name: {action.value: sum(one.decision == action for one in of) for action in Action}
                for name, of in of_label.items()
                if of
            },
            share=share,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reference":
        """The inverse of `to_dict`, also of what went through JSON.

        Older files do not tell which packages were damaged: scores are then compared with the
        line's own first ones alone.
        """
        cameras = {
            camera: CameraReference(
                images=int(held["images"]),
                located=float(held["located"]),
                profile=str(held["profile"]),
                **_of_names(held, (*LABELLED, *SIGNALS)),
            )
            for camera, held in values["cameras"].items()
        }
        return cls(
            cameras,
            int(values["packages"]),
            **_of_names(values, LABELLED),
            decided={name: dict(of) for name, of in values.get("decided", {}).items()},
            share=values.get("share"),
        )


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


def _measured(seen: list[tuple[ImageSeen, bool | None]]) -> CameraReference:
    """Of one camera's images, with what is known of their packages' label."""
    images = [image for image, _ in seen]
    profiles = [image.profile for image in images if image.profile]
    still = usual(profiles) if profiles else ""
    rows = [
        measures(image, still if len(profiles) > MANY else _usual_beside(image, images))
        for image in images
    ]
    located = sum(image.crop != FRAME for image in images) / len(images)
    signals = {name: _known(row.get(name) for row in rows) for name in SIGNALS}
    signals |= {
        name: _known(image.score for image, damaged in seen if damaged == (name == LABELLED[1]))
        for name in LABELLED
    }
    return CameraReference(images=len(images), located=located, profile=still, **signals)


def _usual_beside(image: ImageSeen, images: list[ImageSeen]) -> str:
    """The usual profile of all other images: each would agree too well with its own."""
    others = [one.profile for one in images if one is not image and one.profile]
    return usual(others) if others else ""


def _known(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(float(value) for value in values if value is not None and math.isfinite(value))


def _of_names(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: tuple(map(float, values.get(name, ()))) for name in names}
