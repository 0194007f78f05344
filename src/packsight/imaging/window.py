"""A rectangle of a frame, and how it becomes an image of a given size."""

from typing import NamedTuple

import cv2
import numpy as np

from packsight.domain import Box, Upright


class Window(NamedTuple):
    """A rectangle of a frame, in its pixels, that lies `angle` degrees clockwise of upright."""

    x: float  # of the centre
    y: float
    width: float
    height: float
    angle: float = 0.0

    def matrix(self, size: tuple[int, int]) -> np.ndarray:
        """The map [2, 3] of the frame's pixels to those of the window at `size` (height, width)."""
        matrix = cv2.getRotationMatrix2D((self.x, self.y), self.angle, 1.0)
        matrix[:, 2] += np.array([self.width / 2 - self.x, self.height / 2 - self.y])
        return matrix * [[size[1] / self.width], [size[0] / self.height]]

    def cut(self, frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The window of a frame [H, W, 3] at `size`; what lies outside repeats the frame's edge."""
        height, width = size
        left, top = round(self.x - self.width / 2), round(self.y - self.height / 2)
        right, bottom = left + round(self.width), top + round(self.height)
        inside = left >= 0 and top >= 0 and right <= frame.shape[1] and bottom <= frame.shape[0]
        if self.angle or not inside:
            own = round(self.height), round(self.width)
            patch = cv2.warpAffine(
                frame, self.matrix(own), own[::-1],
                flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
        else:
            patch = frame[top:bottom, left:right]
        shrinks = height * width < patch.shape[0] * patch.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return cv2.resize(patch, (width, height), interpolation=interpolation)


def box_window(box: Box, frame: tuple[int, int], margin: float, size: tuple[int, int]) -> Window:
    """A box with a margin, widened to the shape of `size`, moved to lie inside the frame.

    `margin` is a share of the box's longer side; `frame` and `size` are (height, width). Where the
    frame is smaller than the window, the frame's edge ends it.
    """
    xmin, ymin, xmax, ymax = box
    width, height = _widened(xmax - xmin, ymax - ymin, margin, size)
    width, height = min(round(width), frame[1]), min(round(height), frame[0])
    left = min(max(round((xmin + xmax - width) / 2), 0), frame[1] - width)
    top = min(max(round((ymin + ymax - height) / 2), 0), frame[0] - height)
    return Window(left + width / 2, top + height / 2, width, height)


def upright_window(place: Upright, margin: float, size: tuple[int, int]) -> Window:
    """A turned rectangle with a margin, widened to the shape of `size`."""
    x, y, width, height, angle = place
    return Window(x, y, *_widened(width, height, margin, size), angle)


def frame_window(frame: tuple[int, int]) -> Window:
    """All of a frame of this (height, width)."""
    height, width = frame
    return Window(width / 2, height / 2, width, height)


def _widened(
    width: float, height: float, margin: float, size: tuple[int, int]
) -> tuple[float, float]:
    """Width and height with a margin on each side, the shorter one made to fit `size`'s shape."""
    edge = 2 * margin * max(width, height)
    width, height = width + edge, height + edge
    shape = size[1] / size[0]
    return max(width, height * shape), max(height, width / shape)
