"""A line without networks: what is dark is damaged. Run as a script, it is the service with it."""

import sys
from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np

from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.imaging.window import Window
from packsight.line.reference import Reference
from packsight.line.verdict import ImageSeen, Verdict
from packsight.service.options import add_settings, read_settings
from packsight.service.watch import watch


class FakeLine:
    """Scores are 1 minus the mean brightness; a package of one camera is to be inspected."""

    def __init__(self, cameras=("top", "side")):
        self.cameras = [*cameras]
        self.description = {"model": "brightness"}
        self.reference = Reference({}, 0)

    def decide(self, serial, images):
        seen = []
        for camera, path in images.items():
            try:
                frame = read_rgb(path)
            except UnusableImageError as error:
                seen.append(ImageSeen(camera, str(path), str(error)))
                continue
            height, width = frame.shape[:2]
            window = Window(width / 2, height / 2, width / 2, height / 2, 10.0)
            score = 1 - float(frame.mean()) / 255
            seen.append(ImageSeen(camera, str(path), "", score, "auto", window, (height, width)))
        scores = [image.score for image in seen if image.score is not None]
        cameras = "+".join(image.camera for image in seen if not image.error)
        if not scores:
            return Verdict(serial, "inspect", "no_score", None, None, "", tuple(seen))
        score = float(np.mean(scores))
        decision, reason = ("reject" if score > 0.5 else "accept"), "score"
        if len(scores) < len(self.cameras):
            decision, reason = "inspect", "missing_camera"
        return Verdict(serial, decision, reason, score, score, cameras, tuple(seen))


def picture(brightness: int, size=(48, 64), mark: int = 0) -> bytes:
    """A PNG of one brightness; pictures of different `mark` differ."""
    image = np.full((*size, 3), brightness, np.uint8)
    image[0, :8] = [[mark >> bit & 1] * 3 for bit in range(8)]
    image[1, :16, 0] = [mark >> bit & 1 for bit in range(8, 24)]
    return cv2.imencode(".png", image)[1].tobytes()


def write(folder: Path, name: str, content: bytes) -> Path:
    """As a careful writer does: whole, or not there."""
    hidden = folder / f".{name}"
    hidden.write_bytes(content)
    return hidden.rename(folder / name)


if __name__ == "__main__":
    parser = ArgumentParser()
    add_settings(parser)
    sys.exit(watch(read_settings(parser.parse_args()), FakeLine()))
