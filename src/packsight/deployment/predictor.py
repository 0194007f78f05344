"""A trained model in use: which run serves a camera, and its scores for images."""

from collections.abc import Sequence

import numpy as np
import torch

from packsight.data.crop import frame_window, package_window
from packsight.data.manifest import Perspective
from packsight.errors import UserError
from packsight.files import read_json
from packsight.models.backbone import mirrors
from packsight.runs.saved import Run
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
        network = run.load_network().to(self.device, precisions.weights_dtype(self.precision))
        self.network = network.to(memory_format=torch.channels_last)

    def look(self, frame: np.ndarray | None, camera: str) -> tuple[np.ndarray, bool]:
        """What the model gets of an RGB uint8 frame [H, W, 3], and whether it found its package.

        Black stands for a frame that is missing. Where a crop is asked for and the package is not
        found, the whole frame is used.
        """
        if frame is None:
            return np.zeros((*self.size, 3), np.uint8), True
        shape = frame.shape[:2]
        crop = self.config.crop
        place = self.belts[camera].locate(frame) if camera in self.belts else None
        if crop.name == "none" or place is None:
            return frame_window(shape).cut(frame, self.size), crop.name == "none"
        upright = place.upright if camera in crop.upright else None
        return package_window(place.box, upright, shape, crop, self.size).cut(
            frame, self.size
        ), True

    @torch.inference_mode()
    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of what `look` made; of a pair, side by side."""
        tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self.device)
        with precisions.autocast(self.precision, self.device):
            return self.network.probability(tensor, self.mirrors).cpu().numpy()


def best_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """For each camera that a run was trained on, the run that is best on validation packages."""
    chosen = {}
    for camera in Perspective:
        able = [run for run in runs if camera in run.config.perspective.cameras]
        if len(able) > 1:
            monitors = {(run.config.monitor, run.config.monitor_mode) for run in able}
            if len(monitors) > 1:
                raise UserError(
                    "these runs were judged by different metrics; choose one with member=."
                )
            [(monitor, mode)] = monitors
            metric = monitor.removeprefix("val/")
            sign = 1 if mode == "min" else -1
            able.sort(key=lambda run: _validation(run, camera, metric, sign))
        if able:
            chosen[camera.value] = able[0]
    return chosen


def _validation(run: Run, camera: str, metric: str, sign: int) -> float:
    """A run's figure on validation packages, the lower the better."""
    file = run.folder / "metrics.json"
    if not file.is_file():
        raise UserError(f"{run.folder} has no metrics.json; choose one run with member=.")
    parts = read_json(file)["val"]
    value = parts.get(camera, parts["all"])[metric]
    return float("inf") if value is None else sign * value
