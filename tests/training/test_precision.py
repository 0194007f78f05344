import copy
import pickle

import pytest
import torch
from torch import nn

from packsight.errors import UserError
from packsight.training.precision import (
    Precision,
    apply_matmul,
    autocast,
    choose_device,
    resolve,
    suit_cpu,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["fp32", "bf16", "bf16_true"])
def test_a_cpu_does_these(name):
    assert resolve(name, CPU) == name


@pytest.mark.parametrize("name", ["tf32", "fp16"])
def test_what_a_cpu_cannot_do_is_refused_with_what_it_can(name):
    with pytest.raises(UserError, match=f"{name} is not for this CPU.*fp32, bf16, bf16_true"):
        resolve(name, CPU)


def test_a_missing_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(UserError, match="no CUDA GPU"):
        choose_device("cuda")
    with pytest.raises(UserError, match="unknown"):
        choose_device("quantum")


def test_autocast_lowers_products_only_where_asked():
    product = {}
    for precision in (Precision.FP32, Precision.BF16):
        with autocast(precision, CPU):
            product[precision] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert product == {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16}


def test_tf32_changes_how_products_are_rounded_and_fp32_changes_it_back():
    apply_matmul(Precision.TF32)
    assert torch.get_float32_matmul_precision() == "high"
    apply_matmul(Precision.FP32)
    assert torch.get_float32_matmul_precision() == "highest"


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
