"""Any timm model as a classifier of packages."""

import copy
import difflib
from collections.abc import Sequence
from typing import Any

import timm
import torch
from omegaconf import DictConfig
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from packsight.data.transforms import flips
from packsight.domain import LABELS
from packsight.errors import UserError

Axes = tuple[int, ...]
MEMORY_FORMATS = {
    "channels_last": torch.channels_last,  # faster for most convolutions
    "contiguous": torch.contiguous_format,
}


class Network(nn.Module):
    """Normalisation, then a timm backbone with a two-class head.

    Because normalisation is inside, an image's black is 0 wherever the network is used.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.backbone = backbone
        # Not persistent: they belong to the architecture, not to the weights.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W], uint8 in 0..255 or float in 0..1, to logits [B, 2]."""
        return self.backbone(self.normalised(images))

    def normalised(self, images: Tensor) -> Tensor:
        scale = 255 if images.dtype == torch.uint8 else 1
        images = images.to(self.std.dtype) / scale
        return (images - self.mean) / self.std

    def probability(self, images: Tensor, mirrors: Sequence[Axes] = ((),)) -> Tensor:
        """Probability of damaged, float64 [B], the mean over these mirror images of each image."""
        scores = [self(self.mirrored(images, axes)).double() for axes in mirrors]
        return torch.stack(scores).softmax(dim=2)[:, :, 1].mean(dim=0)

    def mirrored(self, images: Tensor, axes: Axes) -> Tensor:
        """Images [B, 3, H, W] turned over along these axes (2 is H, 3 is W)."""
        return images.flip(axes)

    @property
    def backbones(self) -> list[nn.Module]:
        """What was pretrained; the head is in it where there is one backbone."""
        return [self.backbone]

    @property
    def head(self) -> nn.Module:
        """The classifier layer, the only one that is new in transfer learning."""
        return self.backbone.get_classifier()


def without_head(network: Network) -> nn.Module:
    """A copy that gives what the head would get: images [B, 3, H, W] to features [B, D]."""
    features = copy.deepcopy(network)
    name = next(name for name, module in network.named_modules() if module is network.head)
    features.set_submodule(name, nn.Identity())
    return features.eval()


def mirrors(transforms: DictConfig) -> list[Axes]:
    """The mirror images that a run's predictions are the mean of: those that training has seen."""
    seen: list[Axes] = [()]
    if transforms.average_mirrored:
        for axis, shown in zip((3, 2), flips(transforms.pipeline), strict=True):
            seen += [(*axes, axis) for axes in seen] if shown else []
    return seen


def memory_format(model: DictConfig) -> torch.memory_format:
    """The layout in memory of a `model` config's weights."""
    # Runs of the time before it could be chosen have no such key.
    return MEMORY_FORMATS[model.get("memory_format", "channels_last")]


def check_backbone(name: str) -> None:
    """Raise UserError for a name that timm does not have, with close ones."""
    if not timm.is_model(name):
        known = timm.list_models()
        close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
        remedy = f"close names are {', '.join(close)}" if close else "see timm.list_models()"
        raise UserError(f"model.backbone={name} is not a timm model; {remedy}.")


def pretrained_config(backbone: str) -> Any:
    """What timm knows of a backbone's pretraining. Raises UserError for an unknown name."""
    check_backbone(backbone)
    return timm.get_pretrained_cfg(backbone)


def input_size(config: DictConfig) -> tuple[int, int]:
    """Height and width in pixels of the images that a run's configuration trains on.

    `data.image_size`, else the size of its crop, else the backbone's own. Raises UserError for a
    size too small.
    """
    size = config.data.image_size
    if size is None:
        size = config.crop.image_size
    if size is None:
        _, height, width = pretrained_config(config.model.backbone).input_size
        return height, width
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 32:
        raise UserError(f"data.image_size={size} is too small; use 32 pixels or more.")
    return height, width


def create_network(model: DictConfig, size: tuple[int, int], pretrained: bool = False) -> Network:
    """Build the network of a `model` config; `pretrained` loads timm's weights from its hub.

    The head is replaced after creation: for some families timm starts a head that is created with
    two classes with weights of ±0.7, whose gradients wreck pretrained features.
    """
    check_backbone(model.backbone)
    backbone: Any
    options: dict[str, Any] = {"drop_rate": model.drop_rate, "pretrained": pretrained}
    try:
        # A transformer's position embedding is made for one size.
        backbone = timm.create_model(model.backbone, img_size=size, **options)
    except TypeError:
        backbone = timm.create_model(model.backbone, **options)
    backbone.reset_classifier(len(LABELS))
    data = resolve_model_data_config(backbone)
    return Network(backbone, data["mean"], data["std"])
