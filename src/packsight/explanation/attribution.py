"""What each pixel added to the score of damaged."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn
from torchvision.transforms.v2.functional import gaussian_blur

from packsight.console import track
from packsight.errors import UserError

FLOOR = 1.0  # logits: where two scores are closer, the delta is a share of this
BLUR_SHARE = 0.08  # of the shorter side: the standard deviation of the blurred baseline


class Baseline(StrEnum):
    """The image without information that another one is compared with."""

    BLACK = "black"
    MEAN = "mean"  # the image's own mean colour everywhere
    BLUR = "blur"  # the image without its details


@dataclass(frozen=True)
class Attribution:
    """One image's map and what it should add up to."""

    map: Tensor  # float32 [H, W], summed over colours; positive speaks for damaged
    score: float  # logit of damaged minus logit of intact
    baseline_score: float
    delta: float  # sum of the map minus the difference of the two scores

    @property
    def relative_delta(self) -> float:
        """The convergence delta as a share of the score difference (at least `FLOOR`)."""
        return abs(self.delta) / max(abs(self.score - self.baseline_score), FLOOR)


def parse_baseline(name: str) -> Baseline:
    """Raises UserError for an unknown name."""
    if name not in list(Baseline):
        raise UserError(f"explainer.baseline={name} is unknown; use {', '.join(Baseline)}.")
    return Baseline(name)


def baseline_image(image: Tensor, baseline: Baseline) -> Tensor:
    """The baseline of an image [1, 3, H, W], float in 0..1."""
    if baseline is Baseline.BLACK:
        return torch.zeros_like(image)
    if baseline is Baseline.MEAN:
        return image.mean(dim=(2, 3), keepdim=True).expand_as(image)
    height, width = image.shape[2:]
    sigma = BLUR_SHARE * min(height, width)
    largest = 2 * ((min(height, width) - 1) // 2) - 1  # the reflected border must fit the image
    return gaussian_blur(image, kernel_size=min(2 * round(2 * sigma) + 1, largest), sigma=sigma)


def integrated_gradients(
    network: nn.Module,
    images: Tensor,
    baseline: Baseline,
    steps: int,
    internal_batch_size: int,
) -> list[Attribution]:
    """Integrated Gradients (Sundararajan et al. 2017) of images [N, 3, H, W], float in 0..1.

    The network returns logits [B, 2]; an fp32 copy of it runs, in evaluation mode. `steps` points
    on the path from the baseline are evaluated `internal_batch_size` at a time.
    """

    device = next(network.parameters(), images).device
    explained = copy.deepcopy(network).float().eval().requires_grad_(False)
    explained = explained.to(memory_format=torch.channels_last)

    def score(batch: Tensor) -> Tensor:
        logits = explained(batch.contiguous(memory_format=torch.channels_last))
        return logits[:, 1] - logits[:, 0]

    found = []
    with _full_precision(device):
        for image in track(images.float().to(device).split(1), "explain", total=len(images)):
            reference = baseline_image(image, baseline)
            attributions, delta = IntegratedGradients(score, multiply_by_inputs=True).attribute(
                image,
                baselines=reference,
                n_steps=steps,
                internal_batch_size=internal_batch_size,
                return_convergence_delta=True,
            )
            with torch.no_grad():
                scores = score(torch.cat([image, reference]))
            found.append(
                Attribution(
                    attributions[0].sum(dim=0).float().cpu(),
                    scores[0].item(),
                    scores[1].item(),
                    delta.item(),
                )
            )
    return found


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32, and the same convolution algorithm every time."""
    matmul = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
