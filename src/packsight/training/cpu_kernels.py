"""A network made to learn faster on a CPU; its weights, their names and its numbers stay."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from packsight.training.precision import Precision


def suit_cpu(network: nn.Module, precision: Precision, device: torch.device) -> None:
    """Compute in another way what is slower than it has to be; nothing for another device."""
    if device.type != "cpu":
        return
    for module in network.modules():
        # No closures: a copy of a module would compute with this one's weights.
        if isinstance(module, nn.Hardtanh) and module.inplace:
            module.forward = partial(_clamp, module.min_val, module.max_val)  # type: ignore[method-assign]
        elif precision is Precision.BF16 and _strided_depthwise(module):
            module.forward = partial(_in_fp32, type(module), module)


class _Clamp(torch.autograd.Function):
    """Clamps in place, as ReLU6 does, and finds the gradient from what came out of it.

    torch finds it from what went in, and copies that first: together a tenth of a step of
    MobileNetV2. Both lie within the limits at the same places.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, low: float, high: float) -> Tensor:
        ctx.limits = low, high
        ctx.mark_dirty(features.clamp_(low, high))
        ctx.save_for_backward(features)
        return features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (clamped,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], clamped, *ctx.limits), None, None


def _clamp(low: float, high: float, features: Tensor) -> Tensor:
    if torch.compiler.is_compiling():  # which needs no help, and would stop at the class above
        return F.hardtanh(features, low, high)
    return _Clamp.apply(features, low, high)


def _strided_depthwise(module: nn.Module) -> bool:
    """For its backward pass oneDNN has no bf16 kernel: four take a third of a MobileNetV2 step."""
    if not isinstance(module, nn.Conv2d):
        return False
    return 1 < module.groups == module.in_channels and module.stride != (1, 1)


def _in_fp32(kind: type[nn.Module], module: nn.Module, images: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return kind.forward(module, images.float()).to(images.dtype)
