"""A package's images to its verdict: decode, locate, crop, score, fuse, decide."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from packsight.decision.late_fusion import LateFusion, package_score
from packsight.decision.rule import Decision, Reason
from packsight.decision.terms import Action
from packsight.domain import THRESHOLD, Perspective
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.line.ensemble import Ensemble
from packsight.line.profile import profile
from packsight.line.verdict import ImageSeen, Verdict

PARTS = ("decode", "locate", "crop", "network", "fuse")  # of the time that a package takes


class Stopwatch:
    """Seconds by part of the work."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def take(self, seconds: Mapping[str, float], side_by_side: bool) -> None:
        """Those of one of several images; of images side by side the slowest counts."""
        for part, of in seconds.items():
            before = self.seconds[part]
            self.seconds[part] = max(before, of) if side_by_side else before + of

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - begun


class Looked(NamedTuple):
    """An image that can be scored, and what is told of it."""

    told: ImageSeen
    views: list[np.ndarray]  # what each view of its part sees


class Inspector:
    """Scores packages and decides on them.

    `models` are those of each camera, or of both images as a pair under any name. Without a
    `decision` a package is rejected from a score of 0.5 on. `side_by_side` looks at a package's
    images at once, which is for one package at a time.
    """

    def __init__(
        self,
        models: Mapping[str, Ensemble[Any]],
        fusion: LateFusion | None = None,
        decision: Decision | None = None,
        *,
        side_by_side: bool = False,
    ) -> None:
        self._pool = ThreadPoolExecutor(len(Perspective)) if side_by_side else None
        self.models = dict(models)
        self.fusion = fusion
        self.decision = decision
        pairs = [model for model in self.models.values() if model.paired]
        self.pair = pairs[0] if pairs else None
        self.cameras = [c.value for c in Perspective if self.pair or c in self.models]

    def decide(self, serial: str, images: Mapping[str, Path]) -> Verdict:
        """The verdict on a package from the file of each camera; one that is broken is told."""
        watch = Stopwatch()
        told: list[ImageSeen] = []
        looked: dict[str, Looked] = {}
        for camera, found, seconds in self._look_at(images):
            watch.take(seconds, side_by_side=self._pool is not None)
            if isinstance(found, Looked):
                looked[camera] = found
            told.append(found.told if isinstance(found, Looked) else found)
        score, by_camera = self._score(looked, watch)
        with watch.on("fuse"):
            sure = all(item.told.crop != "frame" for item in looked.values())
            cameras = "+".join(looked)
            action, reason, probability = self._decide(score, sure, cameras)
        seen = [_with_score(image, by_camera.get(image.camera)) for image in told]
        return Verdict(
            serial, action, reason, _number(score), probability, cameras, (*seen,), watch.seconds
        )

    def _look_at(
        self, images: Mapping[str, Path]
    ) -> list[tuple[str, Looked | ImageSeen, dict[str, float]]]:
        """Each camera's image, looked at by a thread of its own where they do not work already."""

        def look(camera: str) -> tuple[str, Looked | ImageSeen, dict[str, float]]:
            watch = Stopwatch()
            return camera, self._look(camera, images[camera], watch), watch.seconds

        cameras = sorted(images, key=_place)
        return [*(self._pool.map(look, cameras) if self._pool else map(look, cameras))]

    def _look(self, camera: str, file: Path, watch: Stopwatch) -> Looked | ImageSeen:
        model = self.pair or self.models.get(camera)
        if model is None:
            return ImageSeen(camera, str(file), "no model knows this camera")
        try:
            with watch.on("decode"):
                frame = read_rgb(file)
        except UnusableImageError as error:
            return ImageSeen(camera, str(file), str(error))
        with watch.on("locate"):
            windows, crop = model.locate(frame, camera)
        with watch.on("crop"):
            views = model.cut(frame, windows)
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        brightness, sharpness = _light(grey)
        height, width = frame.shape[:2]
        seen = ImageSeen(
            camera, str(file), crop=crop, window=windows[0], size=(height, width),
            brightness=brightness, sharpness=sharpness, profile=profile(grey),
        )  # fmt: skip
        return Looked(seen, views)

    def _score(
        self, looked: Mapping[str, Looked], watch: Stopwatch
    ) -> tuple[float, dict[str, float]]:
        """The package's score, nan without one, and that of each camera."""
        if not looked:
            return np.nan, {}
        with watch.on("network"):
            if self.pair:
                views = {camera: item.views for camera, item in looked.items()}
                return float(self.pair.probabilities([self.pair.compose(views)])[0]), {}
            scores = {
                camera: float(model.probabilities([model.compose({camera: item.views})])[0])
                for camera, item in looked.items()
                for model in [self.models[camera]]
            }
        with watch.on("fuse"):
            top, side = (scores.get(camera, np.nan) for camera in Perspective)
            return float(package_score(self.fusion, [top], [side])[0]), scores

    def _decide(self, score: float, sure: bool, cameras: str) -> tuple[str, str, float | None]:
        """Action, reason and calibrated probability."""
        if self.decision is not None:
            decided = self.decision.decide([score], [sure], [cameras])
            return (
                str(decided.action[0]),
                str(decided.reason[0]),
                _number(float(decided.probability[0])),
            )
        if np.isnan(score):
            return Action.INSPECT.value, Reason.NO_SCORE.value, None
        action = Action.REJECT if score >= THRESHOLD else Action.ACCEPT
        return action.value, Reason.SCORE.value, None


def _place(camera: str) -> tuple[bool, int, str]:
    known = [item.value for item in Perspective]
    return camera not in known, known.index(camera) if camera in known else 0, camera


def _light(grey: np.ndarray) -> tuple[float, float]:
    """Mean grey value of a frame, and the variance of its Laplacian."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return round(cv2.mean(grey)[0], 2), round(float(deviation[0, 0]) ** 2, 2)


def _with_score(image: ImageSeen, score: float | None) -> ImageSeen:
    return image if score is None else replace(image, score=score)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
