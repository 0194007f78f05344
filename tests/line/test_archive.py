"""A line's file is read whole, or told to be damaged."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from decisions import BAND

from packsight.errors import UserError
from packsight.export.bundle import Contents, write_bundle
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import SHAPES, pack_belts
from packsight.imaging.crop import Crop
from packsight.line.archive import LINE, read_archive, read_text
from packsight.line.view import View

NETWORKS = {"networks/0.onnx": b"one network", "networks/1.onnx": b"another"}


def belt(level: float) -> BeltModel:
    words, scale = (np.full(SHAPES[name], level, np.float32) for name in ("words", "scale"))
    return BeltModel(words, scale, 1.0, 2.0)


VIEW = View(
    (48, 64), ("top", "side"), crop=Crop(margin=0.1), belts={"top": belt(1), "side": belt(2)}
)
CONTENTS = Contents(
    {"top": ("networks/0.onnx",), "side": ("networks/1.onnx", "networks/0.onnx")},
    [VIEW, View((32, 32))],
    {"networks/0.onnx": 0, "networks/1.onnx": 1},
    BAND.fusion,
    BAND,
    {"runs": {"top": ["a"]}},
    "# A card",
)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "line.pyz"
    write_bundle(path, CONTENTS, NETWORKS)
    return path


def test_what_is_written_is_read_again(file):
    held = read_archive(file)
    assert held.parts == CONTENTS.parts
    assert held.networks == NETWORKS
    assert (held.fusion, held.decision) == (BAND.fusion, BAND)
    assert held.views["networks/0.onnx"].sees_like(VIEW)
    assert held.views["networks/1.onnx"].sees_like(View((32, 32)))
    arrays, expected = (pack_belts(view.belts) for view in (held.views["networks/0.onnx"], VIEW))
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    assert read_text(file, "MODEL_CARD.md") == "# A card"


def test_the_same_content_is_the_same_bytes(file, tmp_path):
    write_bundle(tmp_path / "line.pyz", CONTENTS, NETWORKS)
    assert (tmp_path / "line.pyz").read_bytes() == file.read_bytes()


def test_a_damaged_file_is_told(file, mutated, tmp_path):
    """None of it is read as something else: every part has a check sum."""
    expected = read_archive(file)
    for number, content in enumerate(mutated(file.read_bytes(), 120, 0)):
        damaged = tmp_path / f"{number}.pyz"
        damaged.write_bytes(content)
        try:
            held = read_archive(damaged)
        except UserError:
            continue
        assert (held.networks, held.decision) == (expected.networks, expected.decision)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"format": 2}, "reads 1"), ({"views": None}, "damaged"), ({"fusion": {"kind": "x"}}, "kind")],
)
def test_values_that_are_no_line_are_told(changes, said, file, tmp_path):
    other = tmp_path / "line.pyz"
    with zipfile.ZipFile(file) as opened, zipfile.ZipFile(other, "w") as written:
        for name in opened.namelist():
            content = opened.read(name)
            if name == LINE:
                content = json.dumps(json.loads(content) | changes).encode()
            written.writestr(name, content)
    with pytest.raises(UserError, match=said):
        read_archive(other)


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_is_no_archive_is_told(content, tmp_path):
    if content is not None:
        (tmp_path / "line.pyz").write_bytes(content)
    with pytest.raises(UserError, match=r"line\.pyz"):
        read_archive(tmp_path / "line.pyz")
