"""A trained model in use: which run serves a camera, and its scores for images."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from packsight.data.pairing import PAIR
from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.imaging.window import Window, frame_window, package_window
from packsight.models.network import mirrors
from packsight.runs.saved import Run
from packsight.system.files import read_json
from packsight.training import precision as precisions


class Predictor:
    """A run's best model, ready for frames of any size."""

    def __init__(self, run: Run, device: str = "auto") -> None:
        self.config = run.config
        self.size = run.image_size
        self.belts = run.load_belts()
        self.mirrors = mirrors(run.config.transforms)
        self.device = precisions.choose_device(device)
        self.precision = precisions.resolve(run.config.precision.name, self.device)
        self.network = run.load_for_scoring(self.device, self.precision)

    def look(self, frame: np.ndarray, camera: str) -> tuple[np.ndarray, str]:
        """What the model gets of an RGB uint8 frame [H, W, 3], and how it was cropped.

        none, auto, or frame where the package was not found and the whole frame is used.
        """
        window, crop = self.window(frame, camera)
        return window.cut(frame, self.size), crop

    def window(self, frame: np.ndarray, camera: str) -> tuple[Window, str]:
        """The part of a frame that the model gets, and how it was found, as `look` tells it.

        Given boxes are not known for new images, so a run with crop=boxes locates its packages too.
        """
        shape = frame.shape[:2]
        crop = self.config.crop
        if crop.name == "none":
            return frame_window(shape), "none"
        place = self.belts[camera].locate(frame) if camera in self.belts else None
        if place is None:
            return frame_window(shape), "frame"
        turned = crop.name == "auto" and camera in crop.upright
        upright = place.upright if turned else None
        return package_window(place.box, upright, shape, crop, self.size), "auto"

    def compose(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """The model's input from {camera: image}: the image, or a pair side by side."""
        if not self.config.perspective.paired:
            [image] = images.values()
            return image
        black = np.zeros((*self.size, 3), np.uint8)  # where one is missing
        return np.hstack([images.get(camera, black) for camera in Perspective])

    @torch.inference_mode()
    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of inputs that `compose` made."""
        tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self.device)
        with precisions.autocast(self.precision, self.device):
            return self.network.probability(tensor, self.mirrors).cpu().numpy()


def best_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """For each camera that a run was trained on, the run that is best on validation packages."""
    chosen = {}
    for camera in Perspective:
        perspectives = [run.config.perspective for run in runs]
        able = [
            run
            for run, perspective in zip(runs, perspectives, strict=True)
            if camera in perspective.cameras and not perspective.paired
        ]
        if able:
            chosen[camera.value] = _best(able, camera)
    return chosen


def best_pair(runs: Sequence[Run]) -> Run | None:
    """The best run that gets both images of a package, where there is nothing but such runs."""
    pairs = [run for run in runs if run.config.perspective.paired]
    return _best(pairs, PAIR) if pairs and len(pairs) == len(runs) else None


def _best(able: list[Run], part: str) -> Run:
    """The run with the best figure on validation packages."""
    if len(able) == 1:
        return able[0]
    monitors = {(run.config.monitor, run.config.monitor_mode) for run in able}
    if len(monitors) > 1:
        raise UserError("these runs were judged by different metrics; choose one with member=.")
    [(monitor, mode)] = monitors
    sign = 1 if mode == "min" else -1
    return min(able, key=lambda run: _validation(run, part, monitor.removeprefix("val/"), sign))


def _validation(run: Run, part: str, metric: str, sign: int) -> float:
    """A run's figure on validation packages, the lower the better."""
    file = run.folder / "metrics.json"
    if not file.is_file():
        raise UserError(f"{run.folder} has no metrics.json; choose one run with member=.")
    parts = read_json(file)["val"]
    value = parts.get(part, parts["all"])[metric]
    return float("inf") if value is None else sign * value
