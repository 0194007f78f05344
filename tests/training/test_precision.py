import pytest
import torch

from packsight.errors import UserError
from packsight.training.precision import (
    Precision,
    apply_matmul,
    autocast,
    choose_device,
    resolve,
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
