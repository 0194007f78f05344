import builtins
import json
import sys
import time
from importlib import metadata

import huggingface_hub
import pytest

from packsight.diagnosis import environment
from packsight.diagnosis.devices import devices
from packsight.diagnosis.environment import examine, extras, room, temporary_room, terminal
from packsight.diagnosis.hub import ask_hub
from packsight.diagnosis.show import show_environment


def test_everything_that_a_report_needs_is_there_and_fits_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "a secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = examine(tmp_path / "outputs")
    assert json.loads(json.dumps(found)) == found
    names = {"packsight", "python", "torch", "torchvision", "lightning", "timm", "hydra-core"}
    assert names <= found["versions"].keys()
    assert "fp32" in found["devices"]["cpu"]
    assert found["machine"]["cores"] >= 1
    assert "GB free" in found["disks"][f"{tmp_path / 'outputs'} (outputs)"]
    assert found["network"] == {"model hub": "not asked, since HF_HUB_OFFLINE is set"}
    assert found["variables"]["OMP_NUM_THREADS"] == "3"
    assert "a secret" not in str(found)
    assert not (tmp_path / "outputs").exists()
    show_environment(found)
    shown = capsys.readouterr().out
    assert "model hub" in shown
    assert " GB" in shown


def test_a_torch_that_cannot_be_imported_is_told(monkeypatch):
    """As where torch and torchvision are no pair."""
    imported = builtins.__import__

    def fail(name, *arguments, **keywords):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return imported(name, *arguments, **keywords)

    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.setattr(builtins, "__import__", fail)
    assert devices() == {
        "torch": "cannot be imported (RuntimeError: operator torchvision::nms does not exist)"
    }


def test_a_driver_that_does_not_fit_is_told(monkeypatch):
    import torch

    def fail(number):
        raise RuntimeError("no driver\nmore of it")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", fail)
    assert devices()["gpu"] == "cannot be used (no driver)"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: None, "answers"),
        (lambda: exec("raise ConnectionError"), "does not answer (ConnectionError)"),
        (lambda: time.sleep(30), "did not answer in 0.2 s"),
    ],
)
def test_the_hub_is_asked_once_and_briefly(monkeypatch, answer, told):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: answer())
    begun = time.monotonic()
    assert ask_hub(0.2) == told
    assert time.monotonic() - begun < 5


def test_extras_say_what_they_lack(monkeypatch):
    lines = ["numpy>=2", "numpy; extra == 'some'", 'not-there[x]>=1 ; extra == "other"',
             "packsight[some]; extra == 'dev'", "numpy; extra == 'other'"]  # fmt: skip
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    assert extras() == {"other": "lacks not-there", "some": "installed"}


def test_a_place_without_permission_and_one_that_is_none_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.os, "access", lambda *_: False)
    assert room(tmp_path / "new").endswith("GB free, cannot be written to")

    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(environment.tempfile, "gettempdir", none)
    assert temporary_room() == "none (No usable temporary directory found); set TMPDIR"


@pytest.mark.parametrize("stream", [None, "ascii"])
def test_a_stream_that_lacks_signs_or_is_closed_is_told(monkeypatch, tmp_path, stream):
    if stream is None:
        monkeypatch.setattr(sys, "__stdout__", None)
        assert terminal() == {"standard output": "closed"}
        return
    with (tmp_path / "out").open("w", encoding=stream) as file:
        monkeypatch.setattr(sys, "__stdout__", file)
        found = terminal()
    assert found["all signs"].startswith("no")
    assert found["standard output"] == "no terminal"
