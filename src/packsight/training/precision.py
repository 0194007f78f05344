"""Number formats: what each means to Lightning and to torch, and which the hardware can do."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from packsight.domain import Precision
from packsight.errors import UserError
from packsight.models.rounding import round_products

LIGHTNING: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true"]] = {
    Precision.FP32: "32-true",
    Precision.TF32: "32-true",
    Precision.BF16: "bf16-mixed",
    Precision.FP16: "16-mixed",
    Precision.BF16_TRUE: "bf16-true",
}
AUTOCAST = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


def choose_device(name: str) -> torch.device:
    """The device for auto, cpu, or cuda (gpu). Raises UserError for a GPU that is absent."""
    if name not in ("auto", "cpu", "cuda", "gpu"):
        raise UserError(f"device {name} is unknown; use auto, cpu or cuda.")
    available = torch.cuda.is_available()
    if name in ("cuda", "gpu") and not available:
        raise UserError("this machine has no CUDA GPU that torch can use; use auto or cpu.")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def supported(device: torch.device) -> list[Precision]:
    """What the device can do, the reference first."""
    if device.type == "cpu":
        return [Precision.FP32, Precision.BF16, Precision.BF16_TRUE]
    ampere = torch.cuda.get_device_capability(device) >= (8, 0)
    return list(Precision) if ampere else [Precision.FP32, Precision.FP16]


def resolve(name: str, device: torch.device) -> Precision:
    """The precision of that name. Raises UserError for one that the device cannot do."""
    possible = supported(device)
    if name not in possible:
        raise UserError(
            f"precision={name} is not for this {device.type.upper()}; it can do "
            f"{', '.join(possible)}."
        )
    return Precision(name)


def for_scoring(trained: str, device: torch.device) -> Precision:
    """What a network that was trained in a precision is scored in.

    fp32 where the device cannot do it, and instead of tf32: a model then says the same everywhere.
    """
    precision = Precision(trained)
    exact = precision == Precision.TF32 or precision not in supported(device)
    return Precision.FP32 if exact else precision


def apply_matmul(precision: Precision) -> None:
    """Set how fp32 products are rounded; a setting of the process."""
    round_products(precision == Precision.TF32)


def weights_dtype(precision: Precision) -> torch.dtype:
    """The number format that the weights have in a forward pass."""
    return torch.bfloat16 if precision == Precision.BF16_TRUE else torch.float32


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager:
    """The context in which a forward pass has this precision."""
    if precision not in AUTOCAST:
        return nullcontext()
    return torch.autocast(device.type, dtype=AUTOCAST[precision])
