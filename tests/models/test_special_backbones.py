"""One contract for backbones that are special: several heads, odd heads, sizes, no groups."""

import copy
import math
from functools import cache

import pytest
import timm
import torch
from torch.nn import functional as F

from packsight.models.batch_norm_folding import fold_batch_norm
from packsight.models.finetune import freeze_stages, head_parameters, parameter_groups
from packsight.models.network import Network, build_network, forget, without_head
from packsight.models.pair_network import PairNetwork
from packsight.models.state_dicts import load_features

# backbone, size of its images, heads, whether what they get can be kept
KINDS = {
    "deit_tiny_distilled_patch16_224": ((32, 64), 2, True),
    "levit_128s": ((64, 96), 2, True),
    "crossvit_tiny_240": ((240, 240), 2, True),  # features of two widths
    "efficientvim_m1": ((64, 64), 4, False),  # a learned mean
    "dla46x_c": ((64, 96), 1, True),  # a convolution
    "resnetv2_18": ((32, 64), 1, True),
    "iformer_t": ((64, 64), 1, True),  # with a norm of its own
    "poolformer_s12": ((64, 96), 1, True),  # no groups
    "pit_ti_224": ((64, 64), 1, True),
}
CASES = [(name, *rest) for name, rest in KINDS.items()]


@cache
def trained(name: str) -> Network:
    """Its statistics differ from those of a new one. Not to be changed: all tests share it."""
    torch.manual_seed(0)
    size = KINDS[name][0]
    network = build_network(name, size)
    network.train()(images(size, 4))
    return network.eval()


def images(size: tuple[int, int], count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "size", "heads", "kept"), CASES)
def test_logits_heads_and_gradients(name, size, heads, kept):
    network = trained(name)
    assert len(network.heads) == heads
    shown = images(size).requires_grad_()
    logits = network(shown)
    assert logits.shape == (2, 2)
    [gradient] = torch.autograd.grad(logits[:, 1].sum(), shown)
    forget(network)
    assert gradient.abs().sum() > 0
    with torch.no_grad():
        probability = network.probability(images(size), [(), (3,)])
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize(("name", "size", "heads", "kept"), CASES)
def test_what_learns_is_heads_at_their_rate_and_the_later_stages(name, size, heads, kept):
    network = build_network(name, size).train()
    own = head_parameters(network)
    freeze_stages(network, 0.4)
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    assert frozen
    assert own.isdisjoint(map(id, frozen))
    groups = parameter_groups(network, lr=1.0, weight_decay=0.1, backbone_lr_scale=0.2)
    assert {id(p) for group in groups if group["lr"] == 1.0 for p in group["params"]} == own
    assert any(group["lr"] == 0.2 for group in groups)
    loss = F.cross_entropy(network(images(size, 4)), torch.arange(4) % 2)
    assert loss < 4 * math.log(2)  # heads start small
    loss.backward()
    assert all(
        p.grad is not None for group in groups if group["lr"] == 1.0 for p in group["params"]
    )


@pytest.mark.parametrize(("name", "size", "heads", "kept"), [case for case in CASES if case[3]])
def test_heads_make_of_kept_features_what_the_network_makes_of_images(name, size, heads, kept):
    network = trained(name)
    with torch.inference_mode():
        features = without_head(network)(images(size))
        assert features.ndim == 2
        logits = network(images(size))
        assert torch.allclose(network.classify(features), logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "size", "heads", "kept"), CASES)
def test_weights_of_a_thousand_classes_fill_all_but_the_heads(name, size, heads, kept):
    network = build_network(name, size)
    model = type(network.backbone)
    torch.manual_seed(3)
    try:
        theirs = timm.create_model(name, img_size=size)
    except TypeError:
        theirs = timm.create_model(name)
    assert type(theirs) is model
    load_features(network, theirs.state_dict(), "file", name)
    names = tuple(f"{head}." for head in network.head_names)
    for key, tensor in network.state_dict().items():
        if not key.startswith(names):
            assert torch.equal(tensor, theirs.state_dict()[key.removeprefix("backbone.")])


@pytest.mark.parametrize(("name", "size", "heads", "kept"), CASES)
def test_folding_changes_nothing_that_a_network_says(name, size, heads, kept):
    folded = copy.deepcopy(trained(name))
    with torch.no_grad():
        before = trained(name)(images(size))
        fold_batch_norm(folded, images(size))
        assert torch.allclose(folded(images(size)), before, atol=1e-3, rtol=1e-3)
        fold_batch_norm(folded, images(size))
        assert folded.to(torch.bfloat16)(images(size)).dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "size", "heads", "kept"), CASES)
def test_a_pair_has_one_head_of_its_own(name, size, heads, kept):
    pair = PairNetwork(build_network(name, size), size, shared=True).eval()
    assert pair.head_names == ["classifier"]
    assert pair(images((size[0], 2 * size[1]))).shape == (2, 2)
