"""Integrated Gradients against known answers, and steps that adapt."""

import copy

import pytest
import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor, nn

from packsight.explanation.attribution import FLOOR, TOLERANCE, Attribution, Scorer, exact
from packsight.explanation.integrated_gradients import IntegratedGradients


def explain(network, images, baselines=None, **changes) -> list[Attribution]:
    values = {"baselines": ["black"], "steps": 9, "max_steps": 400}
    values |= {"max_batch": 16, **changes}
    starts = torch.zeros_like(images)[:, None] if baselines is None else baselines
    scorer = Scorer(network)
    with exact(scorer.device):
        return IntegratedGradients(**values).explain(scorer, images, starts)


def test_a_linear_network_gives_weight_times_difference_from_the_baseline(linear, images):
    pictures, start = images(2), torch.full((3, 6, 8), 0.3)
    baselines = torch.stack([start, start])[:, None]
    weight = (linear.weight[1] - linear.weight[0]).detach()
    for image, item in zip(pictures, explain(linear, pictures, baselines), strict=True):
        torch.testing.assert_close(item.map, (weight * (image - start)).sum(0))
        assert item.score == pytest.approx((weight * image).sum().item(), abs=1e-4)
        assert item.baseline_score == pytest.approx((weight * start).sum().item(), abs=1e-4)
        assert item.delta == pytest.approx(0, abs=1e-4)
        assert item.steps == 9  # no more than asked for where they do


def test_several_baselines_are_averaged(linear, images):
    picture = images(1)
    starts = torch.stack([torch.zeros(3, 6, 8), torch.full((3, 6, 8), 0.5)])
    [both] = explain(linear, picture, starts[None])
    alone = [explain(linear, picture, start[None, None])[0] for start in starts]
    torch.testing.assert_close(both.map, (alone[0].map + alone[1].map) / 2)
    mean = sum(item.baseline_score for item in alone) / 2
    assert both.baseline_score == pytest.approx(mean, abs=1e-5)


class Steep(nn.Module):
    """A score that rises within a hundredth of the path from black, and is even on the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        score = 5 * torch.tanh(200 * images.mean(dim=(1, 2, 3))) * self.weight
        return torch.stack([torch.zeros_like(score), score], dim=1)


def test_steps_are_spent_until_the_map_adds_up(images):
    [few] = explain(Steep(), images(1), max_steps=8)
    assert not few.converged
    assert few.relative_delta > 0.1
    [enough] = explain(Steep(), images(1))
    assert enough.converged
    assert enough.relative_delta <= TOLERANCE
    assert enough.map.sum().item() == pytest.approx(5, rel=TOLERANCE)
    [everywhere] = explain(Steep(), images(1), steps=enough.steps, max_steps=enough.steps)
    assert everywhere.relative_delta > enough.relative_delta


def test_the_limit_of_steps_holds(images):
    for limit in (8, 16, 40):
        [item] = explain(Steep(), images(1), max_steps=limit)
        assert item.steps <= limit


def test_even_points_are_captums_trapezoidal_rule(relu_network, images):
    """But for its step: a path of n points has n - 1 pieces, and Captum divides by n."""
    pictures = images(2)
    found = explain(relu_network, pictures, steps=12, max_steps=12)
    expected = CaptumIntegratedGradients(Scorer(relu_network)).attribute(
        pictures, torch.zeros_like(pictures), n_steps=12, method="riemann_trapezoid"
    )
    for item, colours in zip(found, expected, strict=True):
        captums = colours.sum(dim=0).float() * 12 / 11
        torch.testing.assert_close(item.map, captums, atol=1e-6, rtol=1e-4)


def test_adapted_points_come_to_the_map_of_very_many_even_ones(relu_network, images):
    pictures = images(2)
    exact_maps = CaptumIntegratedGradients(Scorer(relu_network)).attribute(
        pictures, torch.zeros_like(pictures), n_steps=2000
    )
    for item, colours in zip(explain(relu_network, pictures, steps=33), exact_maps, strict=True):
        off = (item.map - colours.sum(dim=0)).abs().sum() / colours.sum(dim=0).abs().sum()
        assert off < 0.05
        assert item.steps < 200


def test_no_point_is_computed_twice(images):
    seen = []

    class Watched(Steep):
        def forward(self, images: Tensor) -> Tensor:
            seen.extend(images.mean(dim=(1, 2, 3)).tolist())
            return super().forward(images)

    [item] = explain(Watched(), images(1))
    assert len(seen) == item.steps + 1  # the first look is for what batch normalisation to fold


@pytest.mark.parametrize("size", [1, 4, 7, 64])
def test_the_batch_size_and_the_company_change_nothing(relu_network, images, size):
    pictures = images(3)
    expected = [explain(relu_network, picture[None])[0] for picture in pictures]
    found = explain(relu_network, pictures, max_batch=size)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.map, other.map, atol=1e-6, rtol=1e-3)
        assert one.steps == other.steps


def test_the_network_is_left_as_it_was(relu_network, images):
    network = relu_network.train()
    network[0].requires_grad_(False)
    state = copy.deepcopy(network.state_dict())
    explain(network, images(1))
    assert network.training
    trained = [parameter.requires_grad for parameter in network.parameters()]
    assert trained == [False] * 2 + [True] * 4
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_a_bf16_network_under_autocast_is_explained_in_fp32(relu_network, images):
    network = relu_network.bfloat16()
    [expected] = explain(copy.deepcopy(network).float(), images(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        [found] = explain(network, images(1))
    assert torch.equal(found.map, expected.map)
    assert all(parameter.dtype == torch.bfloat16 for parameter in network.parameters())


def test_relative_delta_has_a_floor_and_decides_what_is_marked():
    def item(score: float, delta: float) -> Attribution:
        return Attribution(torch.zeros(2, 2), score, baseline_score=1.0, delta=delta)

    assert item(3.0, -0.05).relative_delta == pytest.approx(0.025)
    assert item(1.0, -0.05).relative_delta == pytest.approx(0.05 / FLOOR)
    assert not item(3.0, -0.05).converged
    assert item(3.0, 0.01).converged
    assert item(3.0, float("nan")).converged  # a method that promises no sum
