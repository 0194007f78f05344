import pytest
import timm
import torch
from torch import nn

from packsight.errors import UserError
from packsight.models.finetune import freeze_stages
from packsight.models.network import Network
from packsight.models.stages import stages_of


def tops(backbone: str) -> list[set[str]]:
    """What each stage begins with."""
    with torch.device("meta"):
        stages = stages_of(timm.create_model(backbone, num_classes=2))
    assert [*stages] == [*range(len(stages))]
    return [{".".join(name.split(".")[:2]) for name in names} for names in stages.values()]


@pytest.mark.parametrize("backbone", ["poolformer_s12", "csatv2", "rdnet_tiny"])
def test_stages_come_in_order_where_timm_has_no_groups(backbone):
    stages = tops(backbone)
    assert all(name.startswith("stem") for name in stages[0]) or "stages.0" in stages[1]
    assert {name for stage in stages for name in stage if "head" in name} == stages[-1] & {
        "head.norm", "head.fc", "head_drop"
    }  # fmt: skip


def test_poolformers_stages_are_stem_four_stages_and_head():
    assert tops("poolformer_s12") == [
        {"stem.conv"}, {"stages.0"}, {"stages.1"}, {"stages.2"}, {"stages.3"},
        {"head.norm", "head.fc"},
    ]  # fmt: skip


def test_timms_own_groups_are_kept():
    assert tops("resnet18")[1] == {"layer1.0", "layer1.1"}


def test_a_backbone_of_which_no_stage_is_told_cannot_be_frozen_in_part():
    body = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    network = Network(body, [0.0] * 3, [1.0] * 3, heads=["1"])
    assert stages_of(body) == {}
    freeze_stages(network, 0)
    with pytest.raises(UserError, match=r"frozen_share=0\.4 .*tells none of Sequential.*full"):
        freeze_stages(network, 0.4)
