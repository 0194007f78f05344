"""What is explained, the difference of two logits, and what an explanation of an image holds."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from packsight.models.batch_norm_folding import fold_batch_norm
from packsight.models.network import Network
from packsight.models.rounding import unrounded

FLOOR = 1.0  # logits: where two scores are closer, the delta is a share of this
TOLERANCE = 0.01  # of the score difference: a convergence delta up to here is taken for none
SEED = 0  # of what a method draws


@dataclass(frozen=True)
class Attribution:
    """One image's map and what it should add up to; nan where a method promises no sum."""

    map: Tensor  # float32 [H, W], summed over colours; positive speaks for damaged
    score: float  # logit of damaged minus logit of intact
    baseline_score: float = float("nan")  # the mean of the baselines'
    delta: float = float("nan")  # sum of the map minus the difference of the two scores
    steps: int = 0  # gradients, or evaluations, that the map is made of

    @property
    def relative_delta(self) -> float:
        """The convergence delta as a share of the score difference (at least `FLOOR`)."""
        return abs(self.delta) / max(abs(self.score - self.baseline_score), FLOOR)

    @property
    def converged(self) -> bool:
        """Whether the map adds up, or need not."""
        return not self.relative_delta > TOLERANCE


class Scorer(nn.Module):
    """A network's score of damaged, on an fp32 copy in evaluation mode that learns nothing."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        explained = copy.deepcopy(network).float().eval().requires_grad_(False)
        self.network = explained.to(memory_format=torch.channels_last)
        self.device = next(network.parameters()).device
        self.folded = False  # batch normalisation, at the first image

    def forward(self, images: Tensor) -> Tensor:
        """Logit of damaged minus logit of intact [B], of images [B, 3, H, W], float in 0..1."""
        if not self.folded:
            self.folded = True
            with exact(self.device):
                fold_batch_norm(self.network, images[:1].detach())
        logits = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits[:, 1] - logits[:, 0]

    @torch.no_grad()
    def scores(self, images: Tensor, max_batch: int) -> Tensor:
        """Scores [N] without gradients, `max_batch` images at a time."""
        return torch.cat([self(part) for part in images.split(max_batch)])


class Explainer(Protocol):
    """A method of the config group `explainer`."""

    max_batch: int

    @property
    def baselines(self) -> Sequence[str]:
        """Names of `Baseline`."""

    @property
    def title(self) -> str:
        """The method and what it was asked for, in a few words."""

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W] under baselines [B, K, 3, H, W], float in 0..1."""


def images_at_once(explainer: Explainer) -> int:
    """Images that share the batches of a method, so that small ones fill a large memory."""
    return max(1, explainer.max_batch // 16)


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32, the same convolution algorithm and the same draws every time."""
    drawn = np.random.get_state()  # Captum draws from it
    devices = [device] if device.type == "cuda" else []
    try:
        with (
            unrounded(),
            torch.random.fork_rng(devices),
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            torch.manual_seed(SEED)
            np.random.seed(SEED)
            yield
    finally:
        np.random.set_state(drawn)
