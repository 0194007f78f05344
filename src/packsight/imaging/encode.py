"""Image files written so that a failure is heard of, which OpenCV's own writer keeps to itself."""

from pathlib import Path

import cv2
import numpy as np


def write_image(file: Path, image: np.ndarray) -> None:
    """Write RGB uint8 [H, W, 3] in the format of the suffix. Raises OSError as any writing does."""
    written, content = cv2.imencode(file.suffix, image[..., ::-1])
    if not written:
        raise ValueError(f"an image of {image.shape} cannot be written as {file.suffix}")
    file.write_bytes(content.tobytes())
