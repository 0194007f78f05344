"""What a model sees of frames: the package, located, cut out and composed to its input."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from packsight.domain import CropSource, Perspective
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import pack_belts
from packsight.imaging.crop import Crop
from packsight.imaging.window import Window


class Seen(NamedTuple):
    """What one model sees of one frame."""

    image: np.ndarray  # RGB uint8 [H, W, 3]
    crop: str  # auto, none, or frame where the package was not found and all of it is used
    window: Window  # of the frame


@dataclass(frozen=True)
class View:
    """How a model looks at new frames.

    `size` is the height and width of its images, `cameras` are whose images it knows; `paired`
    where an input is an image of each. `belts` locate packages, by camera, unless crop is none.
    """

    size: tuple[int, int]
    cameras: tuple[str, ...] = ("side",)
    paired: bool = False
    crop: Crop = field(default_factory=Crop)
    belts: Mapping[str, BeltModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        crop = self.crop.for_new_images()
        object.__setattr__(self, "crop", replace(crop, upright=tuple(crop.upright)))

    def look(self, frame: np.ndarray, camera: str) -> Seen:
        """What the model gets of an RGB uint8 frame [H, W, 3], before `compose`."""
        window, crop = self.window(frame, camera)
        return Seen(window.cut(frame, self.size), crop, window)

    def window(self, frame: np.ndarray, camera: str) -> tuple[Window, str]:
        """The part of a frame that the model gets, and how it was found, as `Seen.crop` tells."""
        belt = self.belts.get(camera) if self.crop.name != CropSource.NONE else None
        place = belt.locate(frame) if belt else None
        box, outline = place or (None, None)
        window = self.crop.window(frame.shape[:2], camera, box, outline, self.size)
        if self.crop.name == CropSource.NONE:
            return window, "none"
        return window, "auto" if place else "frame"

    def compose(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """The model's input from {camera: image}: the image, or a pair side by side."""
        if not self.paired:
            [image] = images.values()
            return image
        black = np.zeros((*self.size, 3), np.uint8)  # where one is missing
        return np.hstack([images.get(camera, black) for camera in Perspective])

    def sees_like(self, other: "View") -> bool:
        """Whether both make the same image of every frame."""
        if (self.size, self.crop, self.paired) != (other.size, other.crop, other.paired):
            return False
        belts, others = pack_belts(self.belts), pack_belts(other.belts)
        return belts.keys() == others.keys() and all(
            np.array_equal(belts[name], others[name]) for name in belts
        )

    def to_dict(self) -> dict[str, Any]:
        """All but the belts, as JSON takes it."""
        return {
            "size": [*self.size],
            "cameras": [*self.cameras],
            "paired": self.paired,
            "crop": asdict(self.crop) | {"upright": [*self.crop.upright]},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], belts: Mapping[str, BeltModel]) -> "View":
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError for anything else."""
        height, width = values["size"]
        crop = Crop(**values["crop"])
        return cls((height, width), tuple(values["cameras"]), values["paired"], crop, belts)
