"""What is settled of a run before there are data: the size of its images, tried on the backbone."""

import pytest

from packsight.errors import UserError
from packsight.models.backbone import describe
from packsight.pipeline.plan import choose_size


def chosen(config, *words: str):
    cfg = config("train", "model.weights=none", "perspective=side", *words)
    cfg.model.architecture = describe(cfg.model.backbone)
    return choose_size(cfg), cfg.data.image_size


def test_a_backbone_that_takes_the_crops_shape_gets_it(config, capsys):
    assert chosen(config, "model.backbone=resnet10t") == ((288, 384), None)
    assert chosen(config, "model.backbone=resnet10t", "data.image_size=64") == ((64, 64), 64)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        ("nest_tiny", (224, 224)),  # squares alone
        ("crossvit_tiny_240", (240, 240)),  # two sizes of patch
        ("halonet26t", (256, 256)),  # blocks of 8 at a stride of 32
    ],
)
def test_a_backbone_that_does_not_gets_the_next_size_that_it_takes(config, capsys, backbone, size):
    words = f"model.backbone={backbone}"
    assert chosen(config, words) == (size, list(size))
    told = f"data.image_size=[{size[0]},{size[1]}], since {backbone} takes no images of 288 × 384"
    assert capsys.readouterr().out == f"{told} pixels\n"
    with pytest.raises(UserError) as mistake:
        chosen(config, words, "data.image_size=[288,384]")
    use = f"use data.image_size=[{size[0]},{size[1]}]."
    assert str(mistake.value).endswith(
        f"takes no images of 288 × 384 pixels (data.image_size); {use}"
    )


def test_a_pair_is_tried_as_a_pair(config):
    size, _ = chosen(config, "model.backbone=nest_tiny", "perspective=pair")
    assert size[0] == size[1]


def test_a_head_that_gets_several_vectors_is_refused_where_features_are_kept(config):
    assert chosen(
        config, "model.backbone=crossvit_tiny_240", "data.image_size=240", "finetune=probe"
    )
    words = "model.backbone=efficientvim_m1", "data.image_size=64", "finetune=probe"
    with pytest.raises(UserError, match=r"more than one vector .*finetune\.views=0"):
        chosen(config, *words)
    chosen(config, *words, "finetune.views=0")


def test_a_backbone_without_groups_of_its_own_is_frozen_by_its_stages(config):
    chosen(config, "model.backbone=poolformer_s12", "finetune=partial")
