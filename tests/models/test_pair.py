import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional as F

from packsight.models.backbone import create_network
from packsight.models.pair import PairNetwork
from packsight.models.weights import saved_network

SIZE = (32, 48)
MODEL = {"backbone": "mobilenetv2_035", "drop_rate": 0.0}


def build(shared: bool) -> PairNetwork:
    torch.manual_seed(0)
    return PairNetwork(create_network(OmegaConf.create(MODEL), SIZE), SIZE, shared)


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


def test_backbones_of_their_own_learn_from_their_own_camera(images):
    network = build(shared=False)
    assert len(network.backbones) == 2
    F.cross_entropy(network(images), torch.tensor([0, 1, 0, 1])).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert len(build(shared=True).backbones) == 1


def test_mirroring_turns_each_image_over_by_itself(images):
    mirrored = build(shared=True).mirrored(images, (3,))
    assert torch.equal(mirrored[..., :48], images[..., :48].flip(3))
    assert torch.equal(mirrored[..., 48:], images[..., 48:].flip(3))


@pytest.mark.parametrize("shared", [True, False])
def test_a_saved_network_is_the_same_network(shared, images):
    network = build(shared).eval()
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    perspective = {"paired": True, "shared_backbone": shared}
    config = OmegaConf.create({"model": MODEL, "perspective": perspective})
    again = saved_network(config, SIZE, {"state_dict": state}).eval()
    assert torch.equal(again(images), network(images))
