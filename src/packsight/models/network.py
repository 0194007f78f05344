"""Any timm model as a classifier of packages."""

import copy
import difflib
from collections.abc import Sequence
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn
from torch.nn import functional as F

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

    def __init__(
        self,
        backbone: Any,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.drop_rate = drop_rate  # dropout before the head
        # Not persistent: they belong to the architecture, not to the weights.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W], uint8 in 0..255 or float in 0..1, to logits [B, 2]."""
        return self.backbone(self.normalised(images))

    def classify(self, features: Tensor) -> Tensor:
        """What the head says, [B, 2], of features [B, D] of `without_head`."""
        return self.head(F.dropout(features, self.drop_rate, self.training))

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


def mirrors(horizontal: bool, vertical: bool) -> list[Axes]:
    """The mirror images that predictions are the mean of, the image itself first.

    `horizontal` and `vertical` tell which of them training has seen.
    """
    seen: list[Axes] = [()]
    for axis, shown in ((3, horizontal), (2, vertical)):
        seen += [(*axes, axis) for axes in seen] if shown else []
    return seen


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


def input_size(backbone: str, *sizes: int | Sequence[int] | None) -> tuple[int, int]:
    """Height and width in pixels of a network's images: the first size given, else its own.

    A number is the side of a square. Raises UserError for an unknown backbone.
    """
    for size in sizes:
        if size is not None:
            height, width = (size, size) if isinstance(size, int) else size
            return height, width
    _, height, width = pretrained_config(backbone).input_size
    return height, width


def build_network(
    backbone: str, size: tuple[int, int], drop_rate: float = 0.0, pretrained: bool = False
) -> Network:
    """A timm backbone with a new head; `pretrained` loads timm's weights from its hub.

    `size` is the height and width of its images, `drop_rate` the dropout before the head. The head
    is replaced after creation: for some families timm starts a head that is created with two
    classes with weights of ±0.7, whose gradients wreck pretrained features.
    """
    check_backbone(backbone)
    model: Any
    options: dict[str, Any] = {"drop_rate": drop_rate, "pretrained": pretrained}
    try:
        # A transformer's position embedding is made for one size.
        model = timm.create_model(backbone, img_size=size, **options)
    except TypeError:
        model = timm.create_model(backbone, **options)
    model.reset_classifier(len(LABELS))
    data = resolve_model_data_config(model)
    return Network(model, data["mean"], data["std"], drop_rate)
