from functools import partial
from itertools import pairwise

import pytest
import torch
from hydra.utils import instantiate

from packsight.training.optim import fused, warmup_cosine


def rates(steps: int, warmup_share: float, final_scale: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = warmup_cosine(optimizer, steps, warmup_share, final_scale)
    seen = []
    for _ in range(steps + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_the_rate_rises_in_a_line_then_falls_to_its_final_share():
    seen = rates(100, 0.1, 0.01)
    assert seen[0] == pytest.approx(0.1)
    assert seen[4] == pytest.approx(0.5)
    assert seen[10] == max(seen) == pytest.approx(1.0)
    assert seen[55] == pytest.approx((1 + 0.01) / 2)
    assert seen[100] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in pairwise(seen[10:]))


def test_a_final_share_of_one_is_constant_after_warm_up():
    assert set(rates(20, 0.1, 1.0)[2:]) == {1.0}


def stepped(optimizer) -> torch.Tensor:
    """A weight after ten steps on the same gradients."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.ones(100))
    chosen = optimizer([weight])
    for _ in range(10):
        weight.grad = torch.randn(100, generator=generator)
        chosen.step()
    return weight.detach()


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_fused_an_optimiser_takes_the_same_steps_every_time(config, name):
    plain = instantiate(config("train", f"optimizer={name}").optimizer)
    one = fused(plain)
    assert one.keywords == plain.keywords | {"fused": True}
    assert torch.equal(stepped(one), stepped(one))
    assert torch.allclose(stepped(one), stepped(plain), atol=1e-6)
    assert not torch.equal(stepped(one), torch.ones(100))


def test_an_optimiser_stays_as_it_is_if_it_has_no_such_form():
    for optimizer in (partial(torch.optim.AdamW, foreach=True), partial(torch.optim.RMSprop)):
        assert fused(optimizer) is optimizer
