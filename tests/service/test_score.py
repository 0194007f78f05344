"""`score`: the packages of a folder, a row each, and what belongs to none."""

import csv
import json
from io import StringIO

import cv2
import numpy as np
import pytest

from packsight.decision.late_fusion import LateFusion
from packsight.domain import Fusion
from packsight.imaging.crop import Crop
from packsight.line.ensemble import Ensemble
from packsight.line.model import LineModel
from packsight.line.package import Inspector
from packsight.line.reference import Reference
from packsight.line.verdict import Verdict
from packsight.line.view import View
from packsight.service import command


class Brightness:
    view = View((8, 8), ("top", "side"), crop=Crop("none"))

    def probabilities(self, images):
        return np.array([image.mean() / 255 for image in images])


@pytest.fixture
def score(tmp_path, monkeypatch, capsys):
    """Run it on a line whose score is brightness: code, output and errors."""
    models = {camera: Ensemble([Brightness()]) for camera in ("top", "side")}
    line = LineModel(Inspector(models, LateFusion(Fusion.MEAN)), {}, Reference({}, 0))
    monkeypatch.setattr(LineModel, "open", lambda *given, **options: line)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = command.main(["score", "--line", "line.pyz", *arguments])
        return code, *capsys.readouterr()

    return run


def write(path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), level, np.uint8))


def test_a_row_for_each_package(tmp_path, score):
    for name, level in (("2_top", 51), ("2_side", 102), ("10_side", 204), ("10_view", 9)):
        write(tmp_path / "in" / f"{name}.png", level)
    write(tmp_path / "in" / "again" / "2_top.png", 250)
    code, out, errors = score("in")
    rows = [*csv.DictReader(StringIO(out))]
    assert code == 0
    assert [row["serial"] for row in rows] == ["10", "2"]
    assert [row["decision"] for row in rows] == ["reject", "accept"]
    assert [row["cameras"] for row in rows] == ["side", "top+side"]
    assert float(rows[1]["score"]) == pytest.approx(0.3)
    assert float(rows[1]["top_score"]) == pytest.approx(0.2)
    assert "10_view.png: the camera is unknown" in errors
    assert "another image of this package and camera" in errors


def test_json_holds_all_of_a_verdict(tmp_path, score):
    write(tmp_path / "in" / "2_top.png", 51)
    code, out, _ = score("in", "--format", "jsonl", "--output", "out.jsonl")
    assert (code, out) == (0, "")
    [line] = (tmp_path / "out.jsonl").read_text().splitlines()
    verdict = Verdict.from_dict(json.loads(line))
    assert verdict.images[0].brightness == 51


def test_names_are_told_by_a_pattern(tmp_path, score):
    write(tmp_path / "in" / "top" / "7.png", 51)
    code, out, _ = score("in", "--pattern", "{perspective}/{serial}")
    assert code == 0
    assert out.splitlines()[1].startswith("7,accept,score,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["empty"], "holds no image"),
        (["torn"], "not one image could be scored; of the first: not a readable image"),
        (["torn", "--camera", "left"], "no camera"),
        (["torn", "--pattern", "abc"], "error: --pattern abc has no {serial}; say where"),
        (["torn", "--pattern", "{serial"], "error: --pattern {serial has a brace on its own"),
        (["torn", "--pattern", "{serial}_{camra}"], "has the field camra; use"),
        (["torn", "--pattern", "{serial}"], "mend --pattern {serial}, which tells none here"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, score, arguments, said):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "torn" / "1_top.png", 50)
    (tmp_path / "torn" / "1_top.png").write_bytes(
        (tmp_path / "torn" / "1_top.png").read_bytes()[:50]
    )
    code, _, errors = score(*arguments)
    assert code == 2
    assert said in errors
