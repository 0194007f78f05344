"""Scrambled weights and shifted images, with methods that should fail and ones that should not."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from packsight.explanation.attribution import Attribution
from packsight.explanation.sanity import sanity_checks, scrambled, shifted, similarity, verdicts
from packsight.models.network import build_network
from packsight.models.pair_network import PairNetwork

SIZE = (64, 64)


def network():
    torch.manual_seed(0)
    return build_network("test_resnet", SIZE).eval()


class Edges:
    """Shows the image's edges whatever the model is: the fault that the test is there to find."""

    baselines, max_batch, title = ["black"], 4, "edges"

    def explain(self, scorer, images, baselines):
        return [
            Attribution(image.sum(0).diff(dim=1, append=image.sum(0)[:, -1:]), 0.0)
            for image in images
        ]


class Gradient:
    """The gradient, which is the model's own."""

    baselines, max_batch, title = ["black"], 4, "gradient"

    def explain(self, scorer, images, baselines):
        pixels = images.clone().requires_grad_()
        scorer(pixels).sum().backward()
        return [Attribution(gradient.sum(0), 0.0) for gradient in pixels.grad]


def images() -> torch.Tensor:
    small = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(small, SIZE, mode="bilinear")


def test_a_map_that_is_not_about_the_model_fails_and_says_so():
    pictures = images()
    starts = torch.zeros_like(pictures)[:, None]
    checks = sanity_checks(network(), Edges(), pictures, starts)
    cascade = checks[checks["test"] == "randomisation"]
    assert (cascade["spearman"] > 0.999).all()
    randomised, stable = verdicts(checks, "edges")
    assert "FAILS the model-randomisation test" in randomised
    assert "passes the stability test" in stable


def test_a_map_of_the_model_passes_the_randomisation_test():
    pictures = images()
    checks = sanity_checks(network(), Gradient(), pictures, torch.zeros_like(pictures)[:, None])
    cascade = checks[checks["test"] == "randomisation"]
    last = cascade[cascade["number"] == cascade["number"].max()]
    assert last["spearman"].abs().mean() < 0.5
    assert cascade["stage"].iloc[0] == "head"


@pytest.mark.parametrize("paired", [False, True])
def test_weights_are_scrambled_from_the_top_and_stay_the_same_values(paired):
    original = network()
    if paired:
        original = PairNetwork(original, SIZE, shared=False)
    before = {name: value.clone() for name, value in original.named_parameters()}
    changed = []
    for _, copy in scrambled(original):
        now = dict(copy.named_parameters())
        changed.append({name for name in now if not torch.equal(now[name], before[name])})
        assert all(
            torch.equal(now[name].flatten().sort().values, before[name].flatten().sort().values)
            for name in now
        )
    assert all(one <= other for one, other in pairwise(changed))
    head = {name for name in before if name.startswith("classifier" if paired else "backbone.fc")}
    assert changed[0] <= head
    large = {name for name, value in before.items() if value.ndim > 1}
    assert large <= changed[-1]
    assert all(torch.equal(value, before[name]) for name, value in original.named_parameters())


def test_a_shift_moves_the_picture_and_back():
    image = torch.arange(30.0).view(1, 1, 5, 6)
    moved = shifted(image, 1, 2)
    assert torch.equal(moved[..., 1:, 2:], image[..., :-1, :-2])
    assert torch.equal(moved[..., 0, 2:], image[..., 0, :-2])  # the edge is repeated
    back = shifted(moved, -1, -2)
    assert torch.equal(back[..., :-1, :-2], image[..., :-1, :-2])


def test_similarity_of_known_maps():
    rising = np.arange(900, dtype=np.float32).reshape(30, 30) - 450
    assert similarity(rising, rising)["ssim"] == pytest.approx(1)
    assert similarity(rising, rising**3)["spearman"] == pytest.approx(1)
    assert similarity(rising, -rising)["spearman"] == pytest.approx(-1)
    assert similarity(rising, -rising)["spearman_abs"] == pytest.approx(1)
    assert np.isnan(similarity(rising, np.zeros_like(rising))["spearman"])
