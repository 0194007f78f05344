import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from packsight.training.cpu_kernels import suit_cpu
from packsight.training.precision import Precision, autocast

CPU = torch.device("cpu")


@pytest.fixture
def layers() -> nn.Sequential:
    """Pointwise, depthwise with a stride, depthwise without."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.Conv2d(8, 8, 3, groups=8)
    )


def test_a_cpu_computes_strided_depthwise_convolutions_in_fp32(layers):
    plain, images = copy.deepcopy(layers), torch.rand(2, 3, 16, 16)
    names = list(layers.state_dict())
    suit_cpu(layers, Precision.BF16, CPU)
    assert list(layers.state_dict()) == names
    assert torch.equal(layers(images), plain(images))
    with autocast(Precision.BF16, CPU):
        low = layers[0](images)
        middle = layers[1](low)
        assert middle.dtype == layers[2](middle).dtype == torch.bfloat16
    assert torch.equal(middle, plain[1](low.float()).bfloat16())
    middle.sum().backward()
    assert layers[1].weight.grad.dtype == torch.float32


@pytest.mark.parametrize("again", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_a_copy_computes_with_its_own_weights(layers, again):
    suit_cpu(layers, Precision.BF16, CPU)
    other = again(layers)
    nn.init.zeros_(other[1].weight)
    nn.init.zeros_(other[1].bias)
    assert not other[1](torch.rand(1, 8, 4, 4)).any()
    assert layers[1](torch.rand(1, 8, 4, 4)).any()


@pytest.mark.parametrize(
    ("precision", "device"), [(Precision.FP32, CPU), (Precision.BF16, torch.device("cuda"))]
)
def test_where_nothing_is_slower_nothing_changes(layers, precision, device):
    suit_cpu(layers, precision, device)
    assert not any("forward" in vars(module) for module in layers.modules())


@pytest.fixture
def clamped() -> nn.Module:
    """A ReLU6 as timm has it, made faster."""
    network = nn.Sequential(nn.ReLU6(inplace=True))
    suit_cpu(network, Precision.FP32, CPU)
    return network


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_clamp_and_its_gradient_are_relu6s_at_and_beyond_its_limits(clamped, dtype):
    values = torch.tensor([-1.0, 0.0, 1e-6, 3.0, 6.0, 7.0, torch.inf, torch.nan], dtype=dtype)
    weights = torch.arange(1, 9, dtype=dtype)
    seen = []
    for activation in (clamped, F.relu6):
        inputs = values.clone().requires_grad_()
        outputs = activation(inputs * 1)
        (outputs * weights).sum().backward()
        seen.append((outputs.detach(), inputs.grad))
    for ours, theirs in zip(*seen, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


def test_a_clamp_keeps_no_copy_of_its_input_for_the_gradient(clamped):
    kept = []
    features = torch.randn(4, requires_grad=True) * 9

    def keep(tensor):
        kept.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = clamped(features)
    assert outputs.data_ptr() == features.data_ptr()
    assert kept == [outputs.data_ptr()]


def test_an_activation_that_keeps_its_input_is_left_so():
    network = nn.Sequential(nn.ReLU6())
    suit_cpu(network, Precision.FP32, CPU)
    features = torch.full((2,), 9.0)
    assert network(features).tolist() == [6, 6]
    assert features.tolist() == [9, 9]


def test_a_network_learns_the_same():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
    faster = copy.deepcopy(plain)
    suit_cpu(faster, Precision.FP32, CPU)
    images = torch.randn(4, 3, 9, 9)
    for network in (plain, faster):
        network(images).square().sum().backward()
    for (name, ours), theirs in zip(faster.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad), name
