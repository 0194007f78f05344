"""Small networks whose explanations are known, for images [B, 3, 6, 8]."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Two logits that are weighted sums of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(2, 3, 6, 8, generator=generator))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("bchw,kchw->bk", images, self.weight)


class Reader(nn.Module):
    """Speaks for damaged as far as what a mask [H, W] covers is bright."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(mask.float())

    def forward(self, images: Tensor) -> Tensor:
        score = (images * self.weight).sum(dim=(1, 2, 3)) / self.weight.sum()
        return torch.stack([torch.zeros_like(score), 4 * score - 1], dim=1)


@pytest.fixture
def linear() -> Linear:
    return Linear()


@pytest.fixture
def reader() -> type[Reader]:
    return Reader


@pytest.fixture
def relu_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(96, 2)
    )


@pytest.fixture
def images() -> Callable[[int], Tensor]:
    def build(count: int) -> Tensor:
        return torch.rand(count, 3, 6, 8, generator=torch.Generator().manual_seed(1))

    return build
