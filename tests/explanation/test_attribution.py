"""Integrated Gradients against known answers."""

import pytest
import torch
from torch import Tensor, nn

from packsight.errors import UserError
from packsight.explanation.attribution import (
    FLOOR,
    Attribution,
    Baseline,
    baseline_image,
    integrated_gradients,
    parse_baseline,
)


class Linear(nn.Module):
    """Two logits that are weighted sums of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(2, 3, 6, 8, generator=generator))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("bchw,kchw->bk", images, self.weight)


def _images(count: int) -> Tensor:
    return torch.rand(count, 3, 6, 8, generator=torch.Generator().manual_seed(1))


def _relu_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(96, 2)
    )


@pytest.mark.parametrize("baseline", list(Baseline))
def test_a_linear_network_gives_weight_times_difference_from_the_baseline(
    baseline: Baseline,
) -> None:
    network, images = Linear(), _images(2)
    found = integrated_gradients(network, images, baseline, steps=4, internal_batch_size=3)
    weight = (network.weight[1] - network.weight[0]).detach()
    for image, item in zip(images, found, strict=True):
        reference = baseline_image(image[None], baseline)[0]
        torch.testing.assert_close(item.map, (weight * (image - reference)).sum(0))
        assert item.score == pytest.approx((weight * image).sum().item(), abs=1e-4)
        assert item.baseline_score == pytest.approx((weight * reference).sum().item(), abs=1e-4)
        assert item.delta == pytest.approx(0, abs=1e-4)


def test_the_map_of_a_relu_network_adds_up_to_the_score_difference() -> None:
    found = integrated_gradients(_relu_network(), _images(2), Baseline.BLACK, 300, 50)
    for item in found:
        difference = item.score - item.baseline_score
        assert abs(difference) > 0.05
        assert item.map.sum().item() == pytest.approx(difference, rel=0.01)
        assert item.delta == pytest.approx(item.map.sum().item() - difference, abs=1e-5)


@pytest.mark.parametrize("size", [1, 7, 12, 50])
def test_the_internal_batch_size_changes_nothing(size: int) -> None:
    network, images = _relu_network(), _images(2)
    expected = integrated_gradients(network, images, Baseline.MEAN, 12, 4)
    found = integrated_gradients(network, images, Baseline.MEAN, 12, size)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.map, other.map, atol=1e-6, rtol=1e-4)


def test_the_map_of_an_image_depends_on_no_other_image() -> None:
    network, images = _relu_network(), _images(3)
    alone = integrated_gradients(network, images[1:2], Baseline.BLUR, 5, 5)[0]
    among = integrated_gradients(network, images, Baseline.BLUR, 5, 5)[1]
    assert torch.equal(alone.map, among.map)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training: bool) -> None:
    network = _relu_network().train(training)
    network[0].requires_grad_(False)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    integrated_gradients(network, _images(1), Baseline.BLACK, 4, 4)
    assert network.training is training
    assert [parameter.requires_grad for parameter in network.parameters()] == [False] * 2 + [
        True
    ] * 4
    assert all(parameter.grad is None for parameter in network.parameters())
    # Statistics of the batch normalisation too: it was evaluated, not trained.
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_a_failure_leaves_the_network_as_it_was() -> None:
    network = _relu_network().train()
    with pytest.raises(RuntimeError):
        integrated_gradients(network, torch.rand(1, 4, 6, 8), Baseline.BLACK, 4, 4)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_baselines() -> None:
    image = torch.zeros(1, 3, 64, 64)
    image[..., 32:] = torch.tensor([0.2, 0.4, 0.8]).view(3, 1, 1)
    assert not baseline_image(image, Baseline.BLACK).any()
    mean = baseline_image(image, Baseline.MEAN)
    torch.testing.assert_close(mean[0, :, 5, 60], torch.tensor([0.1, 0.2, 0.4]))
    blurred = baseline_image(image, Baseline.BLUR)
    assert blurred.shape == image.shape
    steepest = blurred.diff(dim=3).abs().max()
    assert steepest < 0.2 * image.diff(dim=3).abs().max()
    torch.testing.assert_close(blurred.mean(), image.mean(), rtol=0.01, atol=0)


def test_relative_delta_has_a_floor() -> None:
    def item(score: float) -> Attribution:
        return Attribution(torch.zeros(2, 2), score, baseline_score=1.0, delta=-0.05)

    assert item(3.0).relative_delta == pytest.approx(0.025)
    assert item(1.0).relative_delta == pytest.approx(0.05 / FLOOR)


def test_an_unknown_baseline_is_refused_with_the_choices() -> None:
    assert parse_baseline("blur") is Baseline.BLUR
    with pytest.raises(UserError, match=r"white is unknown; use black, mean, blur"):
        parse_baseline("white")
