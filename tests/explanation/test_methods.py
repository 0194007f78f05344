"""The other methods: known answers, every family, and the pair model."""

import pytest
import torch
from hydra.utils import instantiate

from packsight.errors import UserError
from packsight.explanation.attribution import Scorer, exact
from packsight.explanation.methods import GradCam, GradientShap, Occlusion, SmoothGrad
from packsight.models.network import build_network
from packsight.models.pair_network import PairNetwork

METHODS = {
    "gradient_shap": GradientShap(["black"], samples=8, max_samples=16, noise=0.0, max_batch=4),
    "smoothgrad": SmoothGrad(samples=4, noise=0.05, max_batch=4),
    "occlusion": Occlusion(["black"], window=0.5, stride=1.0, max_batch=4),
}


def explain(method, network, images):
    scorer = Scorer(network)
    starts = torch.zeros_like(images)[:, None]
    with exact(scorer.device):
        return method.explain(scorer, images, starts)


@pytest.mark.parametrize("name", ["gradient_shap", "smoothgrad"])
def test_a_linear_network_gives_weight_times_image(linear, images, name):
    weight = (linear.weight[1] - linear.weight[0]).detach()
    method = METHODS[name]
    if name == "smoothgrad":
        method = SmoothGrad(samples=4, noise=1e-6, max_batch=4)
    for image, item in zip(images(2), explain(method, linear, images(2)), strict=True):
        torch.testing.assert_close(item.map, (weight * image).sum(0), atol=1e-4, rtol=1e-3)


def test_occlusion_gives_each_square_what_covering_it_takes(linear, images):
    weight = (linear.weight[1] - linear.weight[0]).detach()
    [item] = explain(METHODS["occlusion"], linear, images(1))
    # Squares of 3×3, from the left; all pixels of one have the same value.
    expected = (weight * images(1)[0])[:, :3, :3].sum()
    assert item.map[:3, :3].flatten().tolist() == pytest.approx([expected.item()] * 9, abs=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_draw_gives_the_same_map(relu_network, images, name):
    one, other = (explain(METHODS[name], relu_network, images(1))[0] for _ in range(2))
    assert torch.equal(one.map, other.map)


def test_gradient_shap_draws_until_the_map_adds_up(linear, relu_network, images):
    method = GradientShap(["black"], samples=8, max_samples=64, noise=0.0, max_batch=4)
    assert explain(method, linear, images(1))[0].steps == 8
    [item] = explain(method, relu_network, images(1))
    assert item.converged or item.steps == 64


def network(backbone: str, size=(64, 64)):
    torch.manual_seed(0)
    return build_network(backbone, size)


@pytest.mark.parametrize("backbone", ["mobilenetv2_035", "resnet10t", "test_convnext"])
def test_grad_cam_finds_the_last_stage_of_a_backbone(backbone):
    images = torch.rand(2, 3, 64, 96)
    one, other = explain(GradCam(max_batch=4), network(backbone), images)
    assert one.map.shape == (64, 96)
    assert one.map.std() > 0
    assert not torch.equal(one.map, other.map)


@pytest.mark.parametrize("backbone", ["test_vit", "swin_tiny_patch4_window7_224"])
def test_grad_cam_refuses_what_has_no_maps_of_features(backbone):
    size = (160, 160) if backbone == "test_vit" else (224, 224)
    with pytest.raises(UserError, match="integrated_gradients"):
        explain(GradCam(max_batch=4), network(backbone, size), torch.rand(1, 3, *size))


@pytest.mark.parametrize("shared", [True, False])
def test_grad_cam_of_a_pair_has_a_map_for_each_camera(shared):
    pair = PairNetwork(network("mobilenetv2_035"), (64, 64), shared)
    with torch.no_grad():
        pair.classifier.weight[:, : pair.classifier.in_features // 2] = 0  # the top is not read
    [item] = explain(GradCam(max_batch=4), pair, torch.rand(1, 3, 64, 128))
    assert item.map.shape == (64, 128)
    assert item.map[:, :64].abs().max() == 0
    assert item.map[:, 64:].abs().max() > 0


@pytest.mark.parametrize(
    "name", ["integrated_gradients", "gradient_shap", "smoothgrad", "occlusion", "grad_cam"]
)
def test_every_choice_makes_a_method_with_a_title(config, name):
    explainer = instantiate(config("explain", "run=r", f"explainer={name}").explainer)
    assert explainer.title
    assert explainer.max_batch > 0
    assert len(explainer.baselines) > 0
