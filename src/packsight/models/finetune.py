"""Which layers learn, and how fast, so that transfer keeps what was pretrained."""

from typing import Any

from torch import nn

from packsight.models.backbone import Network


def parameter_groups(
    network: Network, lr: float, weight_decay: float, backbone_lr_scale: float
) -> list[dict[str, Any]]:
    """Groups for an optimiser: the head at `lr`, the backbone at `lr * backbone_lr_scale`.

    A scale of 0 freezes the backbone. Biases and normalisation layers (one-dimensional tensors)
    are not decayed.
    """
    head = {id(parameter) for parameter in network.head.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        in_head = id(parameter) in head
        parameter.requires_grad_(in_head or backbone_lr_scale > 0)
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


def freeze_statistics(network: Network) -> None:
    """Keep a frozen backbone's normalisation and dropout as they are in evaluation."""
    network.backbone.eval()
    network.head.train()
