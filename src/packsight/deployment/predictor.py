"""A trained model in use: its scores for what it sees of frames of any size."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from packsight.domain import Precision
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel
from packsight.imaging.crop import Crop
from packsight.imaging.decode import read_rgb
from packsight.line.view import View
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
        self.view = View(size, tuple(cameras), paired, crop or Crop(), dict(belts or {}))
        self.mirrors = mirrors
        self.precision = precision

    @classmethod
    def from_run(
        cls,
        run: Run,
        device: str = "auto",
        *,
        precision: Precision | None = None,
        mirrors: Sequence[Axes] | None = None,
    ) -> "Predictor":
        """A run's best model, in the precision and with the mirror images of its training.

        Raises UserError for a device or precision that is not here.
        """
        chosen = precisions.choose_device(device)
        precision = precision or precisions.for_scoring(run.config.precision.name, chosen)
        precisions.apply_matmul(precision)
        return cls(
            run.load_for_scoring(chosen, precision),
            run.image_size,
            run.config.perspective.cameras,
            paired=run.config.perspective.paired,
            crop=run.crop,
            belts=run.load_belts(),
            mirrors=mirrors or run.mirrors,
            precision=precision,
        )

    def predict(
        self, images: Sequence[np.ndarray | str | Path], camera: str | None = None
    ) -> np.ndarray:
        """Probability of damaged, float64 [N], of image files or RGB uint8 frames [H, W, 3].

        `camera` took them; it may be left out where the model knows one. For a model of pairs give
        `view.compose` what each camera saw, and `probabilities` the result. Raises UserError for a
        camera that the model does not know, and UnusableImageError for a file that is no image.
        """
        paired = self.view.paired
        known = [] if paired else [*self.view.cameras]
        given = [camera] if camera else known
        if len(given) != 1 or given[0] not in known:
            asked = f"camera={camera}" if camera else "no camera"
            what = (
                "takes both images of a package"
                if self.view.paired
                else f"knows {', '.join(known)}"
            )
            raise UserError(f"{asked} was given, and the model {what}; see Predictor.predict.")
        camera = given[0]
        frames = (read_rgb(Path(i)) if isinstance(i, str | Path) else i for i in images)
        return self.probabilities([self.view.look(frame, camera).image for frame in frames])

    @torch.inference_mode()
    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of inputs that `view.compose` made."""
        tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self.device)
        with precisions.autocast(self.precision, self.device):
            return self.network.probability(tensor, self.mirrors).cpu().numpy()
