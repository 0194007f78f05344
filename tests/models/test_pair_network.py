from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional as F

from packsight.models.network import build_network
from packsight.models.pair_network import PairNetwork
from packsight.models.weights import create_network

SIZE = (32, 48)
FAMILIES = [
    OmegaConf.load(file).backbone
    for file in sorted((Path(__file__).resolve().parents[2] / "configs/model").glob("*.yaml"))
]
BACKBONE = "mobilenetv2_035"


def build(shared: bool) -> PairNetwork:
    torch.manual_seed(0)
    return PairNetwork(build_network(BACKBONE, SIZE), SIZE, shared)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (4, 3, 32, 96), dtype=torch.uint8)


@pytest.mark.parametrize("shared", [True, False])
def test_a_package_gets_one_pair_of_logits_that_both_images_decide(shared, images):
    network = build(shared).eval()
    logits = network(images)
    assert logits.shape == (4, 2)
    for half in (slice(0, 48), slice(48, 96)):
        other = images.clone()
        other[..., half] = 0
        assert not torch.allclose(network(other), logits)


@pytest.mark.parametrize("shared", [True, False])
def test_learning_reaches_every_layer_from_both_images(shared, images):
    network = build(shared)
    pixels = (images / 255).requires_grad_()
    F.cross_entropy(network(pixels), torch.tensor([0, 1, 0, 1])).backward()
    assert all(half.abs().sum() > 0 for half in pixels.grad.chunk(2, dim=3))
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.heads[0].parameters())
    for backbone in network.backbones:
        gradients = [parameter.grad for parameter in backbone.parameters()]
        assert all(gradient is not None for gradient in gradients)
        assert any(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_every_family_can_take_pairs(backbone):
    network = build_network(backbone, (32, 32))
    pair = PairNetwork(network, (32, 32), shared=True).eval()
    assert pair(torch.zeros(2, 3, 32, 64)).shape == (2, 2)


def test_backbones_of_their_own_learn_from_their_own_camera(images):
    network = build(shared=False)
    assert len(network.backbones) == 2
    F.cross_entropy(network(images), torch.tensor([0, 1, 0, 1])).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert len(build(shared=True).backbones) == 1


@pytest.mark.parametrize("axes", [(), (3,), (2,), (3, 2)])
def test_mirroring_turns_each_image_over_by_itself(images, axes):
    mirrored = build(shared=True).mirrored(images, axes)
    assert torch.equal(mirrored[..., :48], images[..., :48].flip(axes))
    assert torch.equal(mirrored[..., 48:], images[..., 48:].flip(axes))


@pytest.mark.parametrize("shared", [True, False])
def test_a_saved_network_is_the_same_network(shared, images):
    network = build(shared).eval()
    again = create_network(BACKBONE, SIZE, paired=True, shared_backbone=shared).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images), network(images))
