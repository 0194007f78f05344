"""Any timm model as a classifier of packages."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn
from torch.nn import functional as F

from packsight.domain import LABELS
from packsight.errors import UserError
from packsight.models.backbone import Architecture, describe

Axes = tuple[int, ...]
MEMORY_FORMATS = {
    "channels_last": torch.channels_last,  # faster for most convolutions
    "contiguous": torch.contiguous_format,
}


class Network(nn.Module):
    """Normalisation, then a timm backbone with a two-class head, or several whose mean counts.

    Because normalisation is inside, an image's black is 0 wherever the network is used. `heads`
    names the backbone's modules that are new in transfer learning.
    """

    mean: Tensor
    std: Tensor
    images = 1  # in an input, side by side

    def __init__(
        self,
        backbone: Any,
        mean: Sequence[float] | Tensor,
        std: Sequence[float] | Tensor,
        drop_rate: float = 0.0,
        heads: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.drop_rate = drop_rate  # dropout before the head
        self.head_names = [f"backbone.{name}" for name in heads]
        # Not persistent: they belong to the architecture, not to the weights.
        self.register_buffer("mean", torch.as_tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.as_tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W], uint8 in 0..255 or float in 0..1, to logits [B, 2]."""
        return self.backbone(self.normalised(images))

    def classify(self, features: Tensor) -> Tensor:
        """What the heads say, [B, 2], of features [B, D] of `without_head`."""
        heads = self.heads
        parts = F.dropout(features, self.drop_rate, self.training).split(
            [features_of(head) for head in heads], dim=1
        )
        logits = [_said(head, part) for head, part in zip(heads, parts, strict=True)]
        return torch.stack(logits).mean(dim=0) if len(logits) > 1 else logits[0]

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
    def heads(self) -> list[nn.Module]:
        """The classifier layers, the only ones that are new in transfer learning."""
        return [self.get_submodule(name) for name in self.head_names]


class HeadInput(nn.Module):
    """In a head's place: what the head would get, between as many zeros as others get.

    The mean of several heads is then all that they get, side by side.
    """

    def __init__(self, before: int, after: int, heads: int) -> None:
        super().__init__()
        self.around, self.heads = (before, after), heads

    def forward(self, features: Tensor) -> Tensor:
        return self.heads * F.pad(features.flatten(1), self.around)


def without_head(network: Network) -> nn.Module:
    """A copy that gives what the heads would get: images [B, 3, H, W] to features [B, D]."""
    features = copy.deepcopy(network)
    widths = [features_of(head) for head in network.heads]
    for number, name in enumerate(network.head_names):
        before, after = sum(widths[:number]), sum(widths[number + 1 :])
        features.set_submodule(name, HeadInput(before, after, len(widths)))
    return features.eval()


def features_of(head: nn.Module) -> int:
    """How many features an image's vector has that a head gets."""
    for module in head.modules():
        for name in ("in_features", "in_channels", "num_features"):
            if isinstance(count := getattr(module, name, None), int):
                return count
    raise TypeError(f"{type(head).__name__} does not say how many features it gets")


def _said(head: nn.Module, features: Tensor) -> Tensor:
    """Logits [B, 2] of features [B, D], which some heads take for maps of one pixel."""
    maps = isinstance(head, nn.Conv2d)
    return head(features[:, :, None, None]).flatten(1) if maps else head(features)


def forget(network: nn.Module) -> None:
    """Drop what some backbones compute of their weights once, and keep; evaluation mode.

    Otherwise it would outlive a change of the weights or of their type.
    """
    network.train()  # timm's way to say it
    network.eval()


def mirrors(horizontal: bool, vertical: bool) -> list[Axes]:
    """The mirror images that predictions are the mean of, the image itself first.

    `horizontal` and `vertical` tell which of them training has seen.
    """
    seen: list[Axes] = [()]
    for axis, shown in ((3, horizontal), (2, vertical)):
        seen += [(*axes, axis) for axes in seen] if shown else []
    return seen


def build_network(
    backbone: str,
    size: tuple[int, int],
    drop_rate: float = 0.0,
    pretrained: bool = False,
    architecture: Architecture | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> Network:
    """A timm backbone with a new head; `pretrained` loads timm's weights from its hub.

    `size` is the height and width of its images, `drop_rate` the dropout before the head. What
    `architecture` says (`describe`) is built whatever the name; `state` are its own weights. The
    head is replaced after creation: for some families timm starts a head that is created with two
    classes with weights of ±0.7, whose gradients wreck pretrained features.
    """
    architecture = architecture or describe(backbone)
    options: dict[str, Any] = {"drop_rate": drop_rate, "pretrained": pretrained}
    model: Any
    if architecture is None:
        model = _created(backbone, size, options)
    else:
        facts = {**architecture["pretraining"]}
        if state is not None:
            facts, options["pretrained"] = facts | {"state_dict": {**state}}, True
        options = {**architecture["arguments"], **options, "pretrained_cfg": facts}
        try:
            model = _created(architecture["model"], size, options)
        except Exception as error:  # what was stored, or the weights, may fit nothing
            raise UserError(
                f"model.backbone={backbone} cannot be built as its {architecture['model']} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); give a "
                "config.json and weights that belong together."
            ) from error
        model.pretrained_cfg.pop("state_dict", None)  # else every copy would hold it twice
    before = {id(module): module for module in model.modules()}  # alive, so that ids stay theirs
    model.reset_classifier(len(LABELS))
    data = resolve_model_data_config(model)
    return Network(model, data["mean"], data["std"], drop_rate, _new(model, before))


def _created(name: str, size: tuple[int, int], options: dict[str, Any]) -> Any:
    try:
        # A transformer's position embedding is made for one size.
        return timm.create_model(name, **options | {"img_size": size})
    except TypeError:
        return timm.create_model(name, **options)


def _new(model: nn.Module, before: Mapping[int, nn.Module]) -> list[str]:
    """Names of the innermost modules that hold all the parameters which were not there before."""
    found: list[str] = []

    def look(name: str, module: nn.Module) -> None:
        inside = [
            (f"{name}.{child}" if name else child, part)
            for child, part in module.named_children()
            if any(True for _ in part.parameters())
        ]
        is_one = len(inside) != 1 or any(True for _ in module.parameters(recurse=False))
        if id(module) not in before and is_one and not isinstance(module, nn.ModuleList):
            found.append(name)
            return
        for child, part in inside:
            look(child, part)

    look("", model)
    return found
