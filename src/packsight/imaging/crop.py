"""Which part of a frame a network gets: all of it, or the package with a margin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from packsight.domain import Box, CropSource, Upright
from packsight.imaging.window import Window, box_window, frame_window, upright_window


@dataclass(frozen=True)
class Crop:
    """`margin` is added on each side, a share of the package's longer side.

    Packages seen by the cameras `upright`, which look straight down, are turned to lie level.
    """

    name: CropSource | str = CropSource.AUTO
    margin: float = 0.05
    upright: Sequence[str] = ("top",)

    def for_new_images(self) -> "Crop":
        """The same for images whose boxes nobody drew: they are located, and stay as they lie."""
        if self.name == CropSource.BOXES:
            return replace(self, name=CropSource.AUTO, upright=())
        return self

    def window(
        self,
        frame: tuple[int, int],
        camera: str,
        box: Box | None,
        outline: Upright | None,
        size: tuple[int, int],
    ) -> Window:
        """The window of a frame (height, width) that becomes an image of `size`.

        `box` is the package's, and `outline` the rectangle that may be turned; the whole frame
        where there is no box.
        """
        if self.name == CropSource.NONE or box is None:
            return frame_window(frame)
        if self.name == CropSource.AUTO and camera in self.upright and outline is not None:
            return upright_window(outline, self.margin, size)
        return box_window(box, frame, self.margin, size)
