import pytest
import torch
from omegaconf import OmegaConf

from packsight.models.backbone import Network, create_network
from packsight.models.finetune import freeze_statistics, parameter_groups


@pytest.fixture
def network() -> Network:
    model = OmegaConf.create({"backbone": "mobilenetv2_035", "drop_rate": 0.0})
    return create_network(model, (32, 32))


def test_every_parameter_is_in_one_group_at_its_rate(network):
    groups = parameter_groups(network, lr=1.0, weight_decay=0.5, backbone_lr_scale=0.2)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    head = {id(p) for p in network.head.parameters()}
    for parameter in network.parameters():
        assert rates[id(parameter)] == (1.0 if id(parameter) in head else 0.2)


def test_biases_and_norms_are_not_decayed(network):
    for group in parameter_groups(network, 1.0, 0.5, 0.2):
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)


def test_a_scale_of_zero_trains_the_head_alone(network):
    groups = parameter_groups(network, 1.0, 0.0, backbone_lr_scale=0.0)
    trained = {id(p) for group in groups for p in group["params"]}
    assert trained == {id(p) for p in network.head.parameters()}
    assert all(p.requires_grad == (id(p) in trained) for p in network.parameters())


def test_a_frozen_backbone_keeps_its_statistics(network):
    network.train()
    freeze_statistics(network)
    before = {key: value.clone() for key, value in network.backbone.named_buffers()}
    network(torch.rand(4, 3, 32, 32))
    after = dict(network.backbone.named_buffers())
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert network.head.training
