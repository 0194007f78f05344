"""An export answers as predict does, or there is none."""

import csv
import io
import json
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from io import StringIO
from pathlib import Path

import onnx
import pandas as pd
import pytest
from service_receivers import free_port, until
from untrained import agree, experiment, packages, prepared, write_run

from packsight.line.archive import LINE, PARITY, REFERENCE
from packsight.line.model import LineModel


def test_the_file_alone_decides_as_predict_does(plant, photos, predicted, tmp_path):
    command = [sys.executable, "-I", plant / "line.pyz", "score", photos]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(StringIO(done.stdout), dtype={"serial": str}).set_index("serial")
    agree(found, predicted)
    assert found["decision"].nunique() > 1
    assert found[["top_error", "side_error"]].notna().sum().sum() == 1


def test_networks_take_pixels_in_any_number_and_tell_where_they_come_from(plant):
    with zipfile.ZipFile(plant / "line.pyz") as opened:
        line = json.loads(opened.read(LINE))
        assert [*map(len, line["parts"].values())] == [2, 2]
        for name in line["networks"]:
            model = onnx.load_from_string(opened.read(name))
            told = {held.key: held.value for held in model.metadata_props}
            assert len(told["checkpoint_sha256"]) == 64
            assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
            batch, *rest = model.graph.input[0].type.tensor_type.shape.dim
            assert batch.dim_param
            assert [size.dim_value for size in rest] == [48, 64, 3]


def test_what_was_verified_and_what_validation_looked_like_is_in_it(plant):
    with zipfile.ZipFile(plant / "line.pyz") as opened:
        parity = json.loads(opened.read(PARITY))["fp32"]
        reference = json.loads(opened.read(REFERENCE))
    assert parity["decisions"] == 0
    assert parity["probability"] < 1e-4
    assert parity["packages"] == 12
    assert {*reference["cameras"]} == {"top", "side"}
    assert 0 < reference["packages"] < 12  # of each fold's validation
    assert len(reference["intact"]) + len(reference["damaged"]) == reference["packages"]
    assert sum(reference["decided"]["damaged"].values()) == len(reference["damaged"])
    assert 0 < reference["share"] < 1  # what the decision expects of the line


def test_the_same_runs_give_the_same_bytes(plant, script):
    again = ("export", "run=outputs/line", "output=again.pyz")
    assert script(*again, cwd=plant) == 0
    one, other = (zipfile.ZipFile(plant / name) for name in ("line.pyz", "again.pyz"))
    with one, other:
        timed = {PARITY}  # what took how long
        names = set(one.namelist())
        assert names == set(other.namelist())
        assert [name for name in names - timed if one.read(name) != other.read(name)] == []


def test_a_file_that_stands_is_kept(plant, script, capsys):
    before = (plant / "line.pyz").read_bytes()
    assert script("export", "run=outputs/line", "output=line.pyz", cwd=plant) == 2
    assert "overwrite=true" in capsys.readouterr().err
    assert (plant / "line.pyz").read_bytes() == before


def test_a_file_that_answers_otherwise_does_not_appear(plant, script, capsys, monkeypatch):
    from packsight.line.session import OnnxNetwork

    right = OnnxNetwork.probabilities
    monkeypatch.setattr(OnnxNetwork, "probabilities", lambda *given: right(*given) * 0.99)
    assert script("export", "run=outputs/line", "output=other.pyz", cwd=plant) == 2
    assert "no file was written" in " ".join(capsys.readouterr().err.split())
    assert not [*plant.glob("*other.pyz*")]


def test_other_data_cannot_verify(plant, script, capsys, tmp_path):
    other = prepared(tmp_path, 10)
    again = ("export", "run=outputs/line", f"source={other}", "output=other.pyz")
    assert script(*again, cwd=plant) == 2
    assert "source=" in capsys.readouterr().err


def test_without_mirror_images_it_says_what_they_are_worth(plant, script, capsys):
    again = ("export", "run=outputs/line", "mirrors=false", "output=single.pyz")
    assert script(*again, cwd=plant) == 0
    said = capsys.readouterr().out
    assert "What mirror images are worth" in said
    assert "AUROC" in said
    with_them, without = (LineModel.open(plant / name) for name in ("line.pyz", "single.pyz"))
    files = sorted((plant / "raw").rglob("*0000000000000_*.png"))
    images = {file.stem.split("_")[1]: file for file in files}
    scores = [model.decide("0", images).score for model in (with_them, without)]
    assert scores[0] != scores[1]


def timed(monkeypatch, **milliseconds):
    """Times of a package as they are wanted, by precision."""

    def take_times(tried, packages):
        for item in tried:
            item.milliseconds = milliseconds[item.name]

    monkeypatch.setattr("packsight.export.line_file.take_times", take_times)


def networks_in(file: Path) -> int:
    """Their bytes."""
    with zipfile.ZipFile(file) as opened:
        return sum(held.file_size for held in opened.infolist() if "networks/" in held.filename)


def test_integers_stand_where_decisions_stay(plant, script, capsys):
    again = ("export", "run=outputs/line", "precision=int8", "output=int8.pyz")
    assert script(*again, "agreement=0", cwd=plant) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "convolutions and matrices stay in fp32" in said
    assert all(told in said for told in ("int8", "same decision", "AUROC", "ms a package"))
    assert networks_in(plant / "int8.pyz") < 0.5 * networks_in(plant / "line.pyz")
    with zipfile.ZipFile(plant / "int8.pyz") as opened:
        *_, told = json.loads(opened.read(PARITY))["precisions"]
    assert told["name"] == "int8"
    assert len(told["networks"]) == 4
    assert all(0 <= of["in_fp32"] < of["layers"] for of in told["networks"].values())


def test_integers_that_decide_otherwise_do_not_stand(plant, script, capsys, monkeypatch):
    monkeypatch.setattr("packsight.export.line_file.same_decisions", lambda one, other: 0)
    timed(monkeypatch, fp32=2.0, int8=1.0)
    again = ("export", "run=outputs/line", "precision=int8", "output=other.pyz")
    assert script(*again, cwd=plant) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "int8 decides 0 of" in said
    assert "agreement=0.95" in said
    assert not [*plant.glob("*other.pyz*")]


@pytest.mark.parametrize("gain", [False, True])
def test_half_precision_stands_only_where_it_is_faster(plant, script, capsys, monkeypatch, gain):
    timed(monkeypatch, fp32=2.0, fp16=1.0 if gain else 2.0)
    again = ("export", "run=outputs/line", "precision=fp16", "agreement=0", "output=half.pyz")
    assert script(*again, cwd=plant) == (0 if gain else 2)
    if gain:
        assert networks_in(plant / "half.pyz") < 0.6 * networks_in(plant / "line.pyz")
        assert LineModel.open(plant / "half.pyz").description["precision"] == "fp16"
    else:
        assert "so nothing is gained" in " ".join(capsys.readouterr().err.split())
        assert not [*plant.glob("*half.pyz*")]


def test_what_fp32_changes_for_models_of_other_numbers_is_told_and_refuses_nothing(
    data, script, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("packsight.export.line_file.same_decisions", lambda one, other: 0)
    made = tmp_path / "outputs" / "line"
    write_run(made, data, "side", 0, precision={"name": "bf16"})
    asked = (f"run={made}", f"source={data}", "output=line.pyz")
    assert script("export", *asked, cwd=tmp_path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the models, bf16" in said
    assert "0 of 2 decisions are the same" in said


@pytest.mark.parametrize("part", ["pair", "both"])
def test_one_model_of_both_cameras_exports(data, part, script, tmp_path):
    made = experiment(tmp_path, data, (part,), decided=part == "pair")
    asked = ["member=*"] if part == "pair" else ["member=*fold0*"]
    asked += [f"run={made}", f"source={data}", "output=line.pyz"]
    assert script("export", *asked, cwd=tmp_path) == 0
    model = LineModel.open(tmp_path / "line.pyz")
    assert model.cameras == ["top", "side"]
    assert ("warning" in model.description) == (part == "both")
    verdict = model.decide("x", {"top": Path("gone.png")})
    assert (verdict.decision, verdict.reason) == ("inspect", "no_score")
    assert verdict.score is None


def test_the_file_alone_watches_and_decides_as_it_scores(plant, tmp_path):
    photos, belt, port = packages(tmp_path / "photos", 8), tmp_path / "belt", free_port()
    python = [sys.executable, "-I", str(plant / "line.pyz")]
    scored = subprocess.run([*python, "score", photos], capture_output=True, text=True, check=True)
    expected = {
        row["serial"]: (row["decision"], row["reason"])
        for row in csv.DictReader(io.StringIO(scored.stdout))
    }
    belt.mkdir()
    process = subprocess.Popen(
        [*python, "watch", "belt", "--json-lines", "verdicts.jsonl", "--page",
         f"127.0.0.1:{port}", "--files", "move"], cwd=tmp_path,
    )  # fmt: skip
    try:
        for file in sorted(photos.rglob("*.png")):
            shutil.copy(file, belt)
        lines = tmp_path / "verdicts.jsonl"
        until(lambda: lines.is_file() and lines.read_text().count("\n") == len(expected), 60)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?lang=pt", timeout=5) as answer:
            assert b"packsight" in answer.read()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {one["serial"]: (one["decision"], one["reason"]) for one in told} == expected
    drawn = {path.name.split("_")[0] for path in (tmp_path / "line/annotated").rglob("*.jpg")}
    assert drawn == {serial for serial, (decision, _) in expected.items() if decision != "accept"}
    assert len([*belt.glob("done/*/*.png")]) == 16
