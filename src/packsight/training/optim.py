"""Learning-rate schedules."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, warmup_share: float, final_scale: float
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
