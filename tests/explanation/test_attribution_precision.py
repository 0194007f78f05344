"""Integrated Gradients run in fp32 on a copy, whatever the caller's precision is."""

import copy

import torch
from torch import nn

from packsight.explanation.attribution import Attribution, Baseline, integrated_gradients


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
    )


def _explain(network: nn.Module) -> Attribution:
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return integrated_gradients(network, image, Baseline.BLACK, 10, 5)[0]


def test_autocast_of_the_caller_has_no_effect() -> None:
    network = _network()
    expected = _explain(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(_explain(network).map, expected.map)


def test_a_bf16_network_is_explained_in_fp32_and_stays_bf16() -> None:
    network = _network().bfloat16()
    found = _explain(network)
    assert torch.equal(found.map, _explain(copy.deepcopy(network).float()).map)
    assert all(parameter.dtype == torch.bfloat16 for parameter in network.parameters())


def test_a_frozen_layer_of_a_training_network_stays_frozen() -> None:
    network = _network().train()
    network[1].eval()
    _explain(network)
    assert network.training
    assert not network[1].training
