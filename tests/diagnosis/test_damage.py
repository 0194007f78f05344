import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from complete_config import complete
from safetensors.numpy import save_file

from packsight.configuration.stored import write_values
from packsight.diagnosis.cleaning import clean
from packsight.diagnosis.damage import find_damage
from packsight.diagnosis.finding import Kind
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings
from packsight.system.files import write_json


@pytest.fixture(scope="module")
def whole(sample, tmp_path_factory) -> Path:
    """outputs/ with prepared data, their archive, a run that is done, and caches."""
    outputs = tmp_path_factory.mktemp("whole") / "outputs"
    settings = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)
    prepare(sample, outputs / "data/line7", settings)
    run = outputs / "exp/line7/resnet18/side/fp32/split_seed0"
    (run / "checkpoints").mkdir(parents=True)
    write_values(complete({}), run)
    write_json(run / "status.json", {"state": "done"})
    write_json(run / "metrics.json", {"val": {}})
    table = {"serial": ["0000000000017"], "probability": [0.3]}
    pd.DataFrame(table).to_csv(run / "predictions.csv", index=False)
    for name in ("best", "last"):
        torch.save({"state_dict": {"w": torch.ones(5000)}}, run / f"checkpoints/{name}.ckpt")
    cache = outputs / "cache"
    shutil.copytree(outputs / "data/line7", cache / "0123456789abcdef")
    np.save(cache / "images-0.npy", np.zeros((4, 8, 8, 3), np.uint8))
    save_file({"train": np.zeros(9, np.float32)}, cache / "features-0.safetensors")
    write_json(cache / "speed-0.json", {"images_per_second": {}})
    write_json(cache / "sweeps/abc/0.json", {})
    return outputs


@pytest.fixture
def outputs(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "outputs"))


def test_what_is_whole_is_not_found(outputs):
    assert list(find_damage(outputs)) == []
    assert list(find_damage(outputs / "nowhere")) == []


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def zeroed(file: Path) -> None:
    """In its middle; the file keeps its length, and what an archive says of itself."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    file.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_text("")


RUN, CACHE = "exp/line7/resnet18/side/fp32/split_seed0", "cache"


@pytest.mark.parametrize(
    ("name", "damage", "kind", "path", "told"),
    [
        (f"{RUN}/status.json", emptied, Kind.RUN, RUN, "status.json is damaged"),
        (f"{RUN}/config.yaml", emptied, Kind.RUN, RUN, "config.yaml is empty"),
        (f"{RUN}/metrics.json", cut, Kind.RUN, RUN, "metrics.json"),
        (f"{RUN}/predictions.csv", Path.unlink, Kind.RUN, RUN, "predictions.csv cannot be read"),
        (f"{RUN}/checkpoints/best.ckpt", zeroed, Kind.RUN, RUN, "best.ckpt is damaged"),
        (f"{RUN}/checkpoints/last.ckpt", cut, Kind.RUN, RUN, "last.ckpt is damaged"),
        (f"{RUN}/checkpoints/best.ckpt", Path.unlink, Kind.RUN, RUN, "has no checkpoints/best.ck"),
        ("data/line7/manifest.csv", emptied, Kind.DATA, "data/line7", "manifest.csv is damaged"),
        ("data/line7/summary.json", emptied, Kind.DATA, "data/line7", "summary.json is damaged"),
        ("data/line7.zip", zeroed, Kind.DATA, "data/line7.zip", "line7.zip is damaged"),
        (f"{CACHE}/images-0.npy", cut, Kind.CACHE, "cache/images-0.npy", "is made again"),
        (f"{CACHE}/images-0.npy", emptied, Kind.CACHE, None, "is made again"),
        (f"{CACHE}/features-0.safetensors", emptied, Kind.CACHE, None, "is made again"),
        (f"{CACHE}/speed-0.json", emptied, Kind.CACHE, None, "is made again"),
        (f"{CACHE}/0123456789abcdef/manifest.csv", emptied, Kind.CACHE,
         "cache/0123456789abcdef", "is made again"),
    ],
)  # fmt: skip
def test_damage_is_found_and_named(outputs, name, damage, kind, path, told):
    damage(outputs / name)
    [finding] = find_damage(outputs)
    assert finding.kind == kind
    assert finding.path == str(outputs / (path or name))
    assert told in finding.told


def test_an_image_that_was_swapped_or_is_gone_is_named(outputs):
    first, second, *_ = sorted((outputs / "data/line7/images").rglob("*_side.*"))
    first.unlink()
    second.write_bytes(second.read_bytes() + b"x")
    [finding] = find_damage(outputs)
    assert finding.kind == Kind.DATA
    assert finding.told.startswith("2 of its images and masks are missing or not what ")
    assert first.name in finding.told


def test_what_cannot_be_looked_at_is_told_and_left(outputs, monkeypatch):
    def fail(*_):
        raise MemoryError("too much")

    monkeypatch.setattr("packsight.diagnosis.damage.read_manifest", fail)
    kinds = [clean(finding) for finding in find_damage(outputs)]
    assert [(item.kind, item.cleaned) for item in kinds] == [(Kind.UNREAD, False)] * 2
    assert (outputs / "cache/0123456789abcdef").is_dir()


def test_the_stage_looks_first_and_cleans_when_told_to(outputs, script, capsys):
    for name in (f"{CACHE}/images-0.npy", f"{RUN}/checkpoints/best.ckpt"):
        cut(outputs / name)
    command = [f"outputs={outputs}"]
    before = sorted(outputs.rglob("*"))
    assert script("doctor", *command, cwd=outputs.parent) == 0
    assert sorted(outputs.rglob("*")) == before
    shown = capsys.readouterr().out
    assert "fix=true removes what is safe to remove: 1 of these." in shown
    assert script("doctor", *command, "fix=true", cwd=outputs.parent) == 0
    assert f"removed: {outputs / CACHE / 'images-0.npy'}" in capsys.readouterr().out
    assert set(before) - set(outputs.rglob("*")) == {outputs / CACHE / "images-0.npy"}
    assert script("doctor", *command, "json=true", cwd=outputs.parent) == 0
    told = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in told["findings"]] == [Kind.RUN]
    assert told["versions"]["packsight"]
