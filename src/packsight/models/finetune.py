"""Which layers learn, and how fast, so that transfer keeps what was pretrained."""

from typing import Any

from torch import nn

from packsight.errors import UserError
from packsight.models.network import Network
from packsight.models.stages import stages_of


def check_views(views: int, backbone_lr_scale: float) -> None:
    """Raise UserError where features of a backbone that learns would be kept.

    They change with every step; kept features are those of a backbone that looks at each of an
    image's `views` once.
    """
    if views and backbone_lr_scale:
        raise UserError(
            f"finetune.views={views} keeps features of a backbone that learns "
            f"(finetune.backbone_lr_scale={backbone_lr_scale}); use finetune=probe, or "
            "finetune.views=0."
        )


def parameter_groups(
    network: Network, lr: float, weight_decay: float, backbone_lr_scale: float
) -> list[dict[str, Any]]:
    """Groups for an optimiser: the head at `lr`, the backbone at `lr * backbone_lr_scale`.

    A scale of 0 freezes the backbone. Frozen parameters are in no group; biases and normalisation
    layers (one-dimensional tensors) are not decayed.
    """
    head = head_parameters(network)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        in_head = id(parameter) in head
        if not in_head and backbone_lr_scale == 0:
            parameter.requires_grad_(False)
        if parameter.requires_grad:
            groups.setdefault((in_head, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": lr if in_head else lr * backbone_lr_scale,
            "weight_decay": weight_decay if decayed else 0.0,
        }
        for (in_head, decayed), parameters in groups.items()
    ]


def freeze_stages(network: Network, share: float) -> None:
    """Keep a backbone's stem and this share of its stages as they were pretrained.

    What edges and textures look like needs no relearning; left out, a step takes half the time. 0
    freezes nothing. Raises UserError where timm tells no stages of a backbone.
    """
    head = head_parameters(network)
    for backbone in network.backbones if share else ():
        parameters = dict(backbone.named_parameters())
        groups = stages_of(backbone)
        if not groups:
            raise UserError(
                f"finetune.frozen_share={share} keeps the first stages of a backbone, and timm "
                f"tells none of {type(backbone).__name__}; use finetune=full, or finetune=probe."
            )
        last = max(
            stage
            for stage, names in groups.items()
            if any(id(parameters[n]) not in head for n in names)
        )
        for stage in range(round(share * last) + 1):
            for name in groups.get(stage, ()):
                parameters[name].requires_grad_(False)


def head_parameters(network: Network) -> set[int]:
    """Ids of the parameters of its heads."""
    return {id(parameter) for head in network.heads for parameter in head.parameters()}


def keep_frozen(network: Network) -> None:
    """Leave frozen normalisation layers as they are in evaluation.

    To be called when an epoch starts, because that puts all layers in training mode.
    """
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.training = False
