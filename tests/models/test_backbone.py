"""Names of backbones: timm's own, the model hub's, those of folders."""

import json
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RepositoryNotFoundError
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from packsight.errors import UserError
from packsight.models import hub
from packsight.models.backbone import check_backbone, describe, input_size
from packsight.models.weights import create_network, weights_file

OWN = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "input_size": (3, 64, 96)}


def exported(folder: Path, model: str = "test_resnet", **arguments: object) -> Path:
    """A model that somebody trained, as timm writes it."""
    torch.manual_seed(1)
    made = timm.create_model(model, num_classes=7, **arguments)
    save_for_hf(made, folder, {"pretrained_cfg": OWN}, safe_serialization=True)
    return folder


@pytest.fixture
def plant(tmp_path) -> Path:
    return exported(tmp_path / "plant's [own] model")


def same_weights(network, folder: Path) -> bool:
    own, theirs = network.backbone.state_dict(), load_file(folder / "model.safetensors")
    return all(torch.equal(own[key], theirs[key]) for key in own if not key.startswith("fc."))


def test_a_folder_gives_its_architecture_preprocessing_and_weights(plant):
    name = f"local-dir:{plant}"
    assert input_size(name) == (64, 96)
    network = create_network(name, (64, 96), "imagenet")
    assert network.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert [head.out_features for head in network.heads] == [2]
    assert same_weights(network, plant)
    assert weights_file("imagenet", name) == plant / "model.safetensors"
    assert weights_file("imagenet", "resnet18") is None


def test_what_is_stored_builds_the_network_where_the_folder_is_not(plant):
    name = f"local-dir:{plant}"
    stored = json.loads(json.dumps(describe(name)))
    state = create_network(name, (64, 96), "imagenet").state_dict()
    for file in plant.iterdir():
        file.unlink()
    plant.rmdir()
    network = create_network(name, (64, 96), architecture=stored)
    network.load_state_dict(state)
    assert input_size(name, architecture=stored) == (64, 96)
    assert network.std.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])


def test_arguments_of_construction_are_kept_and_none_that_loads_a_file(tmp_path):
    folder = exported(tmp_path / "wide", "test_vit", embed_dim=96)
    config = json.loads((folder / "config.json").read_text())
    config["model_args"]["checkpoint_path"] = "/etc/passwd"
    (folder / "config.json").write_text(json.dumps(config))
    network = create_network(f"local-dir:{folder}", (64, 96), "imagenet")
    [head] = network.heads
    assert head.in_features == 96
    assert "checkpoint_path" not in describe(f"local-dir:{folder}")["arguments"]


def test_weights_of_another_size_of_image_are_resampled(tmp_path):
    folder = exported(tmp_path / "vit", "test_vit")
    create_network(f"local-dir:{folder}", (96, 64), "imagenet")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "is damaged, or not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "is damaged, or not JSON"),
        (lambda folder: (folder / "config.json").write_text('{"architecture": "resnet999"}'),
         "describes no model that timm .* builds .*resnet999"),
        (lambda folder: (folder / "config.json").write_text(
            '{"architecture": "test_resnet", "model_args": {"colour": 1}}'), "describes no model"),
        (lambda folder: (folder / "config.json").write_text(
            '{"architecture": "test_resnet", "pretrained_cfg": 3}'), "describes no model"),
        (lambda folder: (folder / "config.json").write_text(
            '{"architecture": "test_resnet", "pretrained_cfg": {"input_size": [1, 64, 64]}}'),
         "images of 1 channels"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights .model.safeten"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "not a safetensors fil"),
        (lambda folder: save_file({"a": torch.ones(2)}, folder / "model.safetensors"),
         "cannot be built as its test_resnet .*weights that belong together"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_model_is_told(plant, change, told):
    change(plant)
    with pytest.raises(UserError, match=told):
        create_network(f"local-dir:{plant}", (64, 96), "imagenet")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mobilenetv2_100.foo", r"no pretrained weights of timm's; mobilenetv2_100 has ra_in1k\."),
        ("timm/resnet18", "is hf-hub:<owner>/<name>, one in a folder local-dir:<folder>"),
        ("hub:timm/resnet18", "is hf-hub:<owner>/<name>, one in a folder local-dir:<folder>"),
    ],
)
def test_a_name_that_stands_for_nothing_says_what_would(name, told):
    with pytest.raises(UserError, match=told):
        check_backbone(name)


def test_a_tag_of_pretrained_weights_is_known():
    check_backbone("mobilenetv2_100.ra_in1k")
    assert input_size("resnet18.a1_in1k") == (224, 224)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere is no folder"):
        describe(f"local-dir:{tmp_path / 'nowhere'}")


@pytest.fixture
def asked(monkeypatch, tmp_path) -> list[tuple[str, str | None]]:
    """What the hub was asked; its cache is an empty folder."""
    hub._asked.cache_clear()
    hub._tell.cache_clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    questions: list[tuple[str, str | None]] = []

    def refuse(self, name, revision=None, timeout=None):
        assert timeout == hub.TIMEOUT_S
        questions.append((name, revision))
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    return questions


def test_a_model_of_the_hub_is_asked_for_once_and_built_as_it_says(plant, asked, monkeypatch):
    def answer(self, name, revision=None, timeout=None):
        asked.append((name, revision))
        files = [SimpleNamespace(rfilename=file.name) for file in plant.iterdir()]
        return SimpleNamespace(sha="0" * 40, siblings=files)

    def download(name, file, revision):
        assert (name, revision) == ("plant/model", "0" * 40)
        return str(plant / file)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", answer)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    network = create_network("hf-hub:plant/model@v2", (64, 96), "imagenet")
    assert same_weights(network, plant)
    assert input_size("hf-hub:plant/model@v2") == (64, 96)
    assert asked == [("plant/model", "v2")]


def test_a_hub_that_does_not_answer_gives_what_it_gave_before(plant, asked, tmp_path, capsys):
    place = tmp_path / "cache" / "models--plant--model"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots").mkdir()
    plant.rename(place / "snapshots" / ("0" * 40))
    network = create_network("hf-hub:plant/model", (64, 96), "imagenet")
    assert same_weights(network, place / "snapshots" / ("0" * 40))
    assert asked == [("plant/model", None)]
    assert capsys.readouterr().out.count("hub: plant/model as it was kept here") == 1


def test_a_hub_that_does_not_answer_is_told_once(asked):
    for _ in range(2):
        with pytest.raises(UserError, match=r"not answered for plant/model.*local-dir"):
            describe("hf-hub:plant/model")
    assert len(asked) == 1


def test_a_model_that_the_hub_does_not_have_is_told(asked, monkeypatch):
    def unknown(self, *_, **__):
        raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unknown)
    with pytest.raises(UserError, match="hf-hub:plant/none is not in the model hub, or not for yo"):
        describe("hf-hub:plant/none")
    with pytest.raises(UserError, match="hf-hub:a/b/c is not in the model hub"):
        describe("hf-hub:a/b/c")
