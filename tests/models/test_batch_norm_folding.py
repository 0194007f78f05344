"""Folding normalisation changes the time, not the answer."""

import pytest
import torch
from torch import Tensor, nn

from packsight.models.batch_norm_folding import fold_batch_norm
from packsight.models.network import build_network


def settle(network: nn.Module) -> nn.Module:
    """Give normalisation layers statistics and weights that matter."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.weight.data, module.bias.data):
                value.add_(0.3 * torch.randn(value.shape, generator=generator))
            module.running_var.mul_(1.7)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("backbone", ["mobilenetv2_035", "test_resnet", "test_convnext"])
def test_scores_and_gradients_stay(backbone):
    torch.manual_seed(0)
    network = settle(build_network(backbone, (64, 64)))
    images = torch.rand(2, 3, 64, 64, requires_grad=True)
    [expected] = torch.autograd.grad(network(images)[:, 1].sum(), images)
    before = network(images).detach()
    fold_batch_norm(network, images.detach())
    [found] = torch.autograd.grad(network(images)[:, 1].sum(), images)
    torch.testing.assert_close(network(images), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all("forward" in vars(module) for module in norms)  # all of them were folded


class Twice(nn.Module):
    """Uses what a convolution gives with and without its normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.conv(images)
        return (self.norm(features) * features).mean(dim=(2, 3))


def test_a_network_that_cannot_be_folded_is_left_as_it_was():
    network, images = settle(Twice()), torch.rand(2, 3, 8, 8)
    before = network(images)
    fold_batch_norm(network, images)
    torch.testing.assert_close(network(images), before)
    assert network.conv.bias is None
