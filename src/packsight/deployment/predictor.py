"""A trained model in use: what it sees of frames of any size, and its scores for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from packsight.domain import CropSource, Perspective, Precision
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel
from packsight.imaging.crop import Crop
from packsight.imaging.decode import read_rgb
from packsight.imaging.window import Window
from packsight.models.network import Axes, Network
from packsight.runs.saved import Run
from packsight.training import precision as precisions


class Predictor:
    """A network, ready for frames.

    Args:
        network: in evaluation mode, on the device that it is to be used on.
        size: height and width of its images.
        cameras: whose images it knows; `paired` where an input is an image of each.
        belts: what locates the package on each camera's belt, for a crop other than none.
        mirrors: the mirror images that a probability is the mean of.
    """

    def __init__(
        self,
        network: Network,
        size: tuple[int, int],
        cameras: Sequence[str] = ("side",),
        *,
        paired: bool = False,
        crop: Crop | None = None,
        belts: Mapping[str, BeltModel] | None = None,
        mirrors: Sequence[Axes] = ((),),
        precision: Precision = Precision.FP32,
    ) -> None:
        self.network = network.eval()
        self.device = next(network.parameters()).device
        self.size = size
        self.cameras = list(cameras)
        self.paired = paired
        self.crop = (crop or Crop()).for_new_images()
        self.belts = dict(belts or {})
        self.mirrors = mirrors
        self.precision = precision

    @classmethod
    def from_run(cls, run: Run, device: str = "auto") -> "Predictor":
        """A run's best model. Raises UserError for a device or precision that is not here."""
        chosen = precisions.choose_device(device)
        precision = precisions.resolve(run.config.precision.name, chosen)
        return cls(
            run.load_for_scoring(chosen, precision),
            run.image_size,
            run.config.perspective.cameras,
            paired=run.config.perspective.paired,
            crop=run.crop,
            belts=run.load_belts(),
            mirrors=run.mirrors,
            precision=precision,
        )

    def predict(
        self, images: Sequence[np.ndarray | str | Path], camera: str | None = None
    ) -> np.ndarray:
        """Probability of damaged, float64 [N], of image files or RGB uint8 frames [H, W, 3].

        `camera` took them; it may be left out where the model knows one. For a model of pairs give
        `compose` what each camera saw, and `probabilities` the result. Raises UserError for a
        camera that the model does not know, and UnusableImageError for a file that is no image.
        """
        known = [] if self.paired else self.cameras
        given = [camera] if camera else known
        if len(given) != 1 or given[0] not in known:
            asked = f"camera={camera}" if camera else "no camera"
            what = "takes both images of a package" if self.paired else f"knows {', '.join(known)}"
            raise UserError(f"{asked} was given, and the model {what}; see Predictor.predict.")
        camera = given[0]
        frames = (read_rgb(Path(i)) if isinstance(i, str | Path) else i for i in images)
        return self.probabilities([self.look(frame, camera)[0] for frame in frames])

    def look(self, frame: np.ndarray, camera: str) -> tuple[np.ndarray, str]:
        """What the model gets of an RGB uint8 frame [H, W, 3], and how it was cropped.

        none, auto, or frame where the package was not found and the whole frame is used.
        """
        window, crop = self.window(frame, camera)
        return window.cut(frame, self.size), crop

    def window(self, frame: np.ndarray, camera: str) -> tuple[Window, str]:
        """The part of a frame that the model gets, and how it was found, as `look` tells it."""
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

    @torch.inference_mode()
    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of inputs that `compose` made."""
        tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self.device)
        with precisions.autocast(self.precision, self.device):
            return self.network.probability(tensor, self.mirrors).cpu().numpy()
