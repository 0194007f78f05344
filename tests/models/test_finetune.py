from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional as F

from packsight.models.finetune import freeze_stages, keep_frozen, parameter_groups
from packsight.models.network import Network, build_network
from packsight.models.pair_network import PairNetwork

FAMILIES = [
    OmegaConf.load(file).backbone
    for file in sorted((Path(__file__).resolve().parents[2] / "configs/model").glob("*.yaml"))
]


@pytest.fixture
def network() -> Network:
    return build_network("mobilenetv2_035", (32, 32))


def test_every_parameter_is_in_one_group_at_its_rate(network):
    groups = parameter_groups(network, lr=1.0, weight_decay=0.5, backbone_lr_scale=0.2)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    head = {id(p) for p in network.heads[0].parameters()}
    for parameter in network.parameters():
        assert rates[id(parameter)] == (1.0 if id(parameter) in head else 0.2)


def test_biases_and_norms_are_not_decayed(network):
    for group in parameter_groups(network, 1.0, 0.5, 0.2):
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)


def test_a_scale_of_zero_trains_the_head_alone(network):
    groups = parameter_groups(network, 1.0, 0.0, backbone_lr_scale=0.0)
    trained = {id(p) for group in groups for p in group["params"]}
    assert trained == {id(p) for p in network.heads[0].parameters()}
    assert all(p.requires_grad == (id(p) in trained) for p in network.parameters())


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_frozen_stages_keep_weights_and_statistics_while_the_rest_learns(network, share):
    freeze_stages(network, share)
    groups = parameter_groups(network, 0.1, 0.0, backbone_lr_scale=1.0)
    network.train()
    keep_frozen(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    F.cross_entropy(network(torch.rand(4, 3, 32, 32)), torch.tensor([0, 1, 0, 1])).backward()
    torch.optim.SGD(groups).step()
    after = network.state_dict()
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    early = ("backbone.conv_stem", "backbone.bn1", "backbone.blocks.0", "backbone.blocks.2")
    assert not [key for key in changed if key.startswith(early)]
    assert {"backbone.classifier.weight", "backbone.classifier.bias"} <= changed
    late = [key for key in changed if key.startswith("backbone.blocks.5")]
    assert bool(late) == (share < 1)


def test_a_share_of_zero_freezes_nothing(network):
    freeze_stages(network, 0.0)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("backbone", FAMILIES)
def test_a_share_of_every_family_can_be_kept(backbone):
    network = build_network(backbone, (32, 32))
    freeze_stages(network, 0.4)
    learning = sum(parameter.requires_grad for parameter in network.parameters())
    assert 2 < learning < len(list(network.parameters()))
    assert all(parameter.requires_grad for parameter in network.heads[0].parameters())


def test_both_backbones_of_a_pair_keep_their_first_stages(network):
    pair = PairNetwork(network, (32, 32), shared=False)
    freeze_stages(pair, 0.4)
    top, side = (
        {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
        for backbone in pair.backbones
    )
    assert top == side
    assert "conv_stem.weight" in top
    assert all(parameter.requires_grad for parameter in pair.heads[0].parameters())
