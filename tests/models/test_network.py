import math

import pytest
import torch
from torch.nn import functional as F

from packsight.errors import UserError
from packsight.models.backbone import input_size
from packsight.models.network import Network, build_network, mirrors

FAMILIES = [
    "resnet18",
    "efficientnet_b0",
    "mobilenetv2_100",
    "tf_efficientnet_lite0",
    "convnext_atto",
    "vit_tiny_patch16_224",
]


def build(backbone: str, size: tuple[int, int] = (32, 32)) -> Network:
    torch.manual_seed(0)
    return build_network(backbone, size)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_new_head_starts_small_in_every_family(backbone):
    """A head of ±0.7, as timm creates it for two classes, would start with a loss near 10."""
    network = build(backbone, (64, 96))
    [head] = network.heads
    bound = 1 / math.sqrt(head.in_features)
    assert head.out_features == 2
    assert head.weight.abs().max() < 3 * bound
    network.train()
    loss = F.cross_entropy(network(torch.rand(8, 3, 64, 96)), torch.arange(8) % 2)
    assert loss < 2.5


def test_bytes_and_floats_give_the_same_logits():
    network = build("resnet18").eval()
    image = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(network(image), network(image.float() / 255))


def test_the_network_normalises_with_the_backbones_own_figures():
    network = build("tf_efficientnet_lite0").eval()
    seen = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.ones(1, 3, 32, 32))
    assert torch.allclose(seen[0], torch.ones(1, 3, 32, 32))  # (1 - 0.5) / 0.5


def test_normalisation_is_not_part_of_the_weights():
    assert not {"mean", "std"} & set(build("resnet18").state_dict())


def test_an_unknown_backbone_is_refused_with_close_names():
    with pytest.raises(UserError, match="mobilenetv2_100"):
        input_size("mobilenet_v2")
    with pytest.raises(UserError, match="mobilenetv2_100"):
        build("mobilenet_v2")


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([None, None], (224, 224)),
        ([None, [288, 384]], (288, 384)),
        ([96, [288, 512]], (96, 96)),
        ([[96, 160], None], (96, 160)),
    ],
)
def test_input_size_is_the_first_one_given_or_the_backbones(sizes, size):
    assert input_size("resnet18", *sizes) == size


def test_predictions_are_the_mean_over_mirror_images():
    network = build("resnet18").eval()
    images = torch.rand(3, 3, 32, 48)
    views = mirrors(horizontal=True, vertical=True)
    assert sorted(views) == [(), (2,), (3,), (3, 2)]
    expected = [torch.softmax(network(images.flip(axes)).double(), 1)[:, 1] for axes in views]
    assert torch.allclose(network.probability(images, views), torch.stack(expected).mean(0))


def test_an_image_that_is_its_own_mirror_image_keeps_its_probability():
    network = build("resnet18").eval()
    half = torch.rand(3, 3, 32, 24)
    images = torch.cat([half, half.flip(3)], dim=3)
    assert torch.equal(network.probability(images, [(), (3,)]), network.probability(images))


def test_only_mirror_images_that_training_has_seen_are_averaged():
    assert mirrors(horizontal=True, vertical=False) == [(), (3,)]
    assert mirrors(horizontal=False, vertical=True) == [(), (2,)]
    assert mirrors(horizontal=False, vertical=False) == [()]
