"""A network tried on no data: of which size a backbone takes images, and whether it can be trained.

Tensors without numbers show it in a fraction of a second, however large the backbone is.
"""

from collections.abc import Callable

import torch

from packsight.domain import LABELS
from packsight.errors import UserError
from packsight.models.finetune import freeze_stages
from packsight.models.network import Network, without_head

Build = Callable[[tuple[int, int]], Network]
# What backbones want sides to be multiples of; a patch, a window or a block times a stride.
MULTIPLES = (14, 28, 32, 56, 64, 128)
TOLERANCE = 1e-3  # logits: how far those of kept features may be from the network's, by rounding


def fitting_size(build: Build, size: tuple[int, int], own: tuple[int, int]) -> tuple[int, int]:
    """This size, or the first of similar ones, and `own`, of which a backbone takes images.

    `build` makes the network for a size. Raises UserError where there is none.
    """
    height, width = size
    smaller = [
        (max(height // n, 1) * n, max(width // n, 1) * n) for n in MULTIPLES if n <= max(size)
    ]
    for candidate in dict.fromkeys((size, *smaller, own)):
        if _takes(build, candidate):
            return candidate
    raise UserError(
        f"this backbone gives no score for each label of images of {height} × {width} or "
        f"{own[0]} × {own[1]} pixels; choose another model.backbone."
    )


def check_trainable(build: Build, size: tuple[int, int], frozen_share: float, views: int) -> None:
    """Raise UserError for a backbone that has no stages to freeze, or no features to keep."""
    if frozen_share:
        with torch.device("meta"):
            freeze_stages(build(size), frozen_share)
    if views and not _keeps_features(build(size).eval(), size):
        raise UserError(
            "finetune.views keeps what the head gets, and more than one vector goes into this "
            "backbone's; use finetune=probe finetune.views=0, which keeps none."
        )


def _takes(build: Build, size: tuple[int, int]) -> bool:
    """Whether a network gives logits [B, 2] of images of this size."""
    try:
        with torch.device("meta"):
            network = build(size).train()
            logits = network(torch.zeros(2, 3, size[0], size[1] * network.images))
        return logits.shape == (2, len(LABELS))
    except NotImplementedError:  # of what needs numbers; training will show
        return True
    except UserError:
        raise
    except Exception:  # each family says in its own way that it does not fit
        return False


@torch.no_grad()
def _keeps_features(network: Network, size: tuple[int, int]) -> bool:
    """Whether the heads make of a network's features what the network makes of the image."""
    generator = torch.Generator()
    images = torch.rand(1, 3, size[0], size[1] * network.images, generator=generator)
    for parameter in network.parameters():
        if parameter.ndim < 2:  # shares of several heads are equal at the start
            parameter.add_(0.5 * torch.rand(parameter.shape, generator=generator))
    try:
        kept = network.classify(without_head(network)(images))
    except Exception:  # a head that is not a function of one tensor can break anywhere
        return False
    logits = network(images)
    if kept.shape != logits.shape:
        return False
    return torch.allclose(kept, logits, rtol=TOLERANCE, atol=TOLERANCE)
