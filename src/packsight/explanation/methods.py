"""The methods beside Integrated Gradients, each by Captum behind the same interface."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import GradientShap as CaptumGradientShap
from captum.attr import InputXGradient, LayerGradCam, NoiseTunnel
from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor
from torch.nn import functional as F

from packsight.errors import UserError
from packsight.explanation.attribution import FLOOR, TOLERANCE, Attribution, Scorer


@dataclass
class GradientShap:
    """Expected gradients (Lundberg and Lee 2017; Erion et al. 2021): random points, many paths.

    `samples` are drawn at a time until the map adds up, or `max_samples` are reached.
    """

    baselines: list[str]
    samples: int
    max_samples: int
    noise: float  # standard deviation of what is added to the image, in 0..1
    max_batch: int

    @property
    def title(self) -> str:
        return f"GradientSHAP, {' + '.join(self.baselines)} baseline"

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W] under baselines [B, K, 3, H, W]."""
        method = CaptumGradientShap(scorer)
        found = []
        for image, of_image in zip(images, baselines, strict=True):
            score, *starts = scorer.scores(
                torch.cat([image[None], of_image]), self.max_batch
            ).tolist()
            start = sum(starts) / len(starts)
            total, drawn, delta = torch.zeros_like(image), 0, float("inf")
            while drawn < self.max_samples and abs(delta) > TOLERANCE * max(
                abs(score - start), FLOOR
            ):
                for count in _batches(self.samples, self.max_batch):
                    mean = method.attribute(
                        image[None], of_image, n_samples=count, stdevs=self.noise
                    )
                    total = total + count * mean[0]
                drawn += self.samples
                delta = total.double().sum().item() / drawn - (score - start)
            summed = (total / drawn).sum(dim=0).float().cpu()
            found.append(Attribution(summed, score, start, delta, drawn))
        return found


@dataclass
class SmoothGrad:
    """Gradient times image, averaged over noisy copies of the image (Smilkov et al. 2017)."""

    samples: int
    noise: float  # standard deviation, in 0..1
    max_batch: int
    baselines = ("black",)  # what a gradient times the image compares it with

    @property
    def title(self) -> str:
        return "SmoothGrad times image"

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W]; `baselines` are not used."""
        method = NoiseTunnel(InputXGradient(scorer))

        def attribute(image: Tensor) -> Tensor:
            return method.attribute(
                image,
                nt_type="smoothgrad",
                nt_samples=self.samples,
                nt_samples_batch_size=min(self.samples, self.max_batch),
                stdevs=self.noise,
            )

        return _each(scorer, images, attribute, self.samples)


@dataclass
class Occlusion:
    """What covering a square with the baseline takes from the score (Zeiler and Fergus 2014)."""

    baselines: list[str]
    window: float  # side of the square, a share of the image's shorter side
    stride: float  # from one square to the next, a share of its side
    max_batch: int

    @property
    def title(self) -> str:
        return f"occlusion by {' + '.join(self.baselines)} baseline"

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W] under baselines [B, K, 3, H, W]; means over K."""
        height, width = images.shape[2:]
        side = max(1, round(self.window * min(height, width)))
        step = max(1, round(self.stride * side))
        method = CaptumOcclusion(scorer)
        squares = (1 + -(-max(0, height - side) // step)) * (1 + -(-max(0, width - side) // step))
        of_images = iter(baselines)

        def attribute(image: Tensor) -> Tensor:
            of_image = next(of_images)
            with warnings.catch_warnings(), torch.no_grad():
                # At the edges the last square is smaller, which Captum tells every time.
                warnings.simplefilter("ignore", UserWarning)
                maps = [
                    method.attribute(
                        image,
                        sliding_window_shapes=(image.shape[1], side, side),
                        strides=(image.shape[1], step, step),
                        baselines=baseline[None],
                        perturbations_per_eval=self.max_batch,
                    )
                    for baseline in of_image
                ]
            # Captum gives each colour the whole difference.
            return torch.stack(maps).mean(dim=0) / image.shape[1]

        return _each(scorer, images, attribute, squares * baselines.shape[1])


@dataclass
class GradCam:
    """Grad-CAM (Selvaraju et al. 2017) at the backbone's last stage of features, signed."""

    max_batch: int
    baselines = ("black",)  # none is used

    @property
    def title(self) -> str:
        return "Grad-CAM"

    def explain(self, scorer: Scorer, images: Tensor, baselines: Tensor) -> list[Attribution]:
        """Attributions of images [B, 3, H, W]; `baselines` are not used.

        Raises UserError for a backbone whose last stage gives no feature maps [B, C, H, W].
        """
        stages = [_last_stage(backbone) for backbone in scorer.network.backbones]
        methods = [LayerGradCam(scorer, stage) for stage, _ in stages]

        def attribute(image: Tensor) -> Tensor:
            maps = [method.attribute(image, attr_dim_summation=False) for method in methods]
            for cam, (_, channels) in zip(maps, stages, strict=True):
                if cam.ndim != 4 or cam.shape[1] != channels:
                    raise _no_maps()
            # One shared backbone gives both cameras' maps as a batch, two give one each.
            halves = [half.sum(dim=1, keepdim=True) for cam in maps for half in cam.split(1)]
            size = (image.shape[2], image.shape[3] // len(halves))
            grown = [F.interpolate(half, size, mode="bilinear") for half in halves]
            return torch.cat(grown, dim=3)

        return _each(scorer, images, attribute, 1)


def _last_stage(backbone: object) -> "tuple[torch.nn.Module, int]":
    """The module of a timm backbone whose output are its last features, and their channels."""
    information = getattr(backbone, "feature_info", None)
    if not information or getattr(backbone, "num_prefix_tokens", None) is not None:
        raise _no_maps()
    last = information[-1]
    return backbone.get_submodule(last["module"]), last["num_chs"]  # type: ignore[attr-defined]


def _no_maps() -> UserError:
    return UserError(
        "explainer=grad_cam needs a backbone whose last stage gives maps of features, which a "
        "transformer's tokens are not; use explainer=integrated_gradients."
    )


def _each(
    scorer: Scorer, images: Tensor, attribute: Callable[[Tensor], Tensor], steps: int
) -> list[Attribution]:
    """Attribute images one by one: each fills the memory with its own samples or squares."""
    scores = scorer.scores(images, len(images)).tolist()
    return [
        Attribution(attribute(image)[0].sum(dim=0).detach().float().cpu(), score, steps=steps)
        for image, score in zip(images.split(1), scores, strict=True)
    ]


def _batches(total: int, size: int) -> list[int]:
    """`total` as parts of at most `size`, as even as can be."""
    return [len(part) for part in np.array_split(np.arange(total), -(-total // size))]
