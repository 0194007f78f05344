"""What the line knows of a package once it is decided on."""

from dataclasses import asdict, dataclass, field
from typing import Any

from packsight.imaging.window import Window


@dataclass(frozen=True)
class ImageSeen:
    """One image of a package, as it was scored."""

    camera: str
    path: str
    error: str = ""  # why it cannot be used
    score: float | None = None  # raw probability of damaged; None in a pair, which has one score
    crop: str = ""  # auto, none, or frame where the package was not found
    window: Window | None = None  # the part of the frame that was scored, in its pixels
    size: tuple[int, int] | None = None  # height and width of the frame, in pixels
    brightness: float | None = None  # mean grey value of the frame, 0..255
    sharpness: float | None = None  # variance of the Laplacian of its grey values
    profile: str = ""  # what stands still in it, as packsight.line.profile tells


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a package, and what that rests on."""

    serial: str
    decision: str  # an Action: accept, reject or inspect
    reason: str  # a Reason
    score: float | None  # raw probability of damaged, fused over the cameras
    probability: float | None  # the same, calibrated and for this line's share of damaged ones
    cameras: str  # whose images count: "top+side", "top", "side", or ""
    images: tuple[ImageSeen, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # decode, locate, crop, network, fuse

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Verdict":
        """The inverse of `to_dict`, also of what went through JSON."""
        images = tuple(
            ImageSeen(
                **image
                | {"window": Window(*image["window"]) if image["window"] else None}
                | {"size": tuple(image["size"]) if image["size"] else None}
            )
            for image in values["images"]
        )
        return cls(**values | {"images": images})
