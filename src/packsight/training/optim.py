"""Optimisers and learning-rate schedules."""

import inspect
import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def fused(optimizer: partial[Optimizer]) -> Callable[..., Optimizer]:
    """The optimiser in its form of one kernel for all weights, where it has one.

    A step of it takes a third of the time. Under fp16 it also knows by itself when to leave a step
    out, without the host waiting for it.
    """
    known = "fused" in inspect.signature(optimizer.func).parameters
    asked = optimizer.keywords.keys() & {"fused", "foreach"}
    if not known or asked:
        return optimizer
    return partial(optimizer.func, *optimizer.args, **optimizer.keywords, fused=True)


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, warmup_share: float = 0.1, final_scale: float = 0.01
) -> LambdaLR:
    """Linear warm-up, then a cosine from the full rate to `final_scale` of it (arXiv 1608.03983).

    Step it once per optimiser step.
    """
    warmup = max(1, round(total_steps * warmup_share))

    def scale(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        return final_scale + (1 - final_scale) * (1 + math.cos(math.pi * progress)) / 2

    return LambdaLR(optimizer, scale)
