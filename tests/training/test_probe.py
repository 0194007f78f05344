"""A probe's features are computed once, and train the head that ordinary training would."""

import pytest
import torch

from packsight.errors import UserError
from packsight.models.finetune import check_views
from packsight.models.network import Network, build_network, without_head
from packsight.models.pair_network import PairNetwork
from packsight.models.weights import network_state, read_checkpoint
from packsight.training import probe

SIZE = (32, 32)
SMALL = ["model.backbone=resnet10t", "model.weights=none", "data.image_size=32", "crop=none",
         "finetune=probe", "data.batch_size=4", "trainer=cpu",
         "callbacks.progress=null", "optimizer.lr=0.01"]  # fmt: skip


@pytest.fixture
def trained(fitted, tmp_path):
    """The network's state before and after a probe."""

    def run(*overrides: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        folder = tmp_path / "-".join(overrides)
        before: dict[str, torch.Tensor] = {}

        def look(network: Network) -> None:
            before.update({key: value.clone() for key, value in network.state_dict().items()})

        fitted(folder, *SMALL, *overrides, before=look)
        return before, network_state(read_checkpoint(folder / "checkpoints/best.ckpt"))

    return run


@pytest.mark.parametrize("perspective", ["side", "pair"])
def test_kept_features_train_the_head_that_images_would(trained, perspective):
    common = [f"perspective={perspective}", "trainer.max_epochs=3"]
    before, kept = trained(*common, "finetune.views=3")
    _, anew = trained(*common, "finetune.views=0")
    assert kept.keys() == anew.keys() == before.keys()
    changed = {key for key, value in kept.items() if not torch.equal(value, before[key])}
    assert len(changed) == 2
    for key, value in kept.items():
        assert torch.allclose(value, anew[key], atol=1e-4), key
    assert any((kept[key] - before[key]).abs().max() > 1e-3 for key in changed)


def test_features_are_computed_once_for_all_runs_that_share_them(trained, monkeypatch):
    trained("trainer.max_epochs=2")
    monkeypatch.setattr(probe, "on_all_cores", lambda *_: pytest.fail("computed twice"))
    trained("trainer.max_epochs=2", "optimizer.lr=0.1")
    for other in ("seed=1", "transforms.pipeline.affine.rotate=[-45,45]", "finetune.views=1"):
        with pytest.raises(pytest.fail.Exception, match="computed twice"):
            trained("trainer.max_epochs=2", other)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: raw[:-9] + b"!" + raw[-8:]])
def test_damaged_features_are_computed_again_and_that_is_told(trained, tmp_path, capsys, damage):
    _, first = trained("trainer.max_epochs=2")
    [file] = tmp_path.glob("cache/features-*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    _, second = trained("trainer.max_epochs=2")
    assert "made again" in capsys.readouterr().out
    assert file.read_bytes() == whole
    assert all(torch.equal(second[key], value) for key, value in first.items())


def test_epochs_take_turns_with_the_views():
    sampler = probe.ViewSampler(5, seed=0, views=2)
    for epoch in range(4):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert {view for view, _ in order} == {epoch % 2}
        assert sorted(row for _, row in order) == list(range(5))


@pytest.mark.parametrize("backbone", ["mobilenetv2_035", "convnext_atto", "vit_tiny_patch16_224"])
def test_without_its_head_a_network_gives_what_its_head_gets(backbone):
    network = build_network(backbone, SIZE, drop_rate=0.5).eval()
    images = torch.randint(256, (2, 3, *SIZE), dtype=torch.uint8)
    with torch.inference_mode():
        features = without_head(network)(images)
        assert features.ndim == 2
        assert torch.allclose(network.classify(features), network(images), atol=1e-5)
        network.train()  # then half of the features are dropped
        assert not torch.allclose(network.classify(features), network.heads[0](features))
    [head] = network.heads
    assert isinstance(head, torch.nn.Linear)


def test_without_its_head_a_pair_gives_the_features_of_both():
    pair = PairNetwork(build_network("resnet10t", SIZE), SIZE, shared=False).eval()
    images = torch.randint(256, (2, 3, 32, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.allclose(pair.classify(without_head(pair)(images)), pair(images), atol=1e-5)


def test_features_of_a_backbone_that_learns_cannot_be_kept():
    check_views(4, 0.0)
    check_views(0, 0.2)
    with pytest.raises(UserError, match=r"views=4.*backbone_lr_scale=0\.2.*finetune=probe"):
        check_views(4, 0.2)
