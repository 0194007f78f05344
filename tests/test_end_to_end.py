"""From raw images to verdicts, and what each kind of bad input gets."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from trained import SMALL, runs_by_perspective

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = [
    "config.yaml", "environment.json", "status.json", "metrics.json", "history.csv",
    "predictions.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures", "tensorboard",
]  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, sample, script) -> Path:
    """A folder after a sweep of two runs, one on side images and one on both cameras'."""
    folder = tmp_path_factory.mktemp("plant")
    sweep = ["-m", f"data.source={sample}", "perspective=side,both", *SMALL]
    assert script("train", *sweep, cwd=folder) == 0
    return folder


@pytest.fixture(scope="module")
def runs(workspace) -> dict[str, Path]:
    return runs_by_perspective(workspace)


@pytest.fixture
def elsewhere(workspace, tmp_path) -> Path:
    """An empty folder with models.zip and data.zip alone."""
    shutil.copy(workspace / "outputs/exp/models.zip", tmp_path)
    shutil.copy(workspace / "outputs/data/raw-data.zip", tmp_path / "data.zip")
    return tmp_path


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_a_run_leaves_all_that_the_contract_names(runs):
    assert set(runs) == {"side", "both"}
    for folder in runs.values():
        assert [name for name in CONTRACT if not (folder / name).exists()] == []
        assert read(folder / "status.json")["state"] == "done"


def test_predictions_are_of_held_out_packages_in_the_contracts_columns(runs):
    table = pd.read_csv(runs["side"] / "predictions.csv", dtype={"serial": str})
    assert list(table.columns) == [
        "serial", "perspective", "label", "probability", "predicted", "split", "path", "crop",
    ]  # fmt: skip
    assert set(table["split"]) == {"val", "test"}
    assert set(table["perspective"]) == {"side"}
    assert table["serial"].str.fullmatch(r"\d{13}").all()
    assert table["probability"].between(0, 1).all()


def test_a_run_on_both_cameras_reports_each(runs):
    assert set(read(runs["both"] / "metrics.json")["test"]) == {"all", "top", "side"}
    assert set(read(runs["side"] / "metrics.json")["test"]) == {"all"}


def test_a_sweep_ends_with_a_leaderboard(workspace):
    assert len(pd.read_csv(workspace / "outputs/exp/leaderboard.csv")) >= 2


def test_a_finished_run_is_not_trained_again(workspace, runs, sample, script):
    file = runs["side"] / "checkpoints" / "best.ckpt"
    before = file.stat().st_mtime_ns
    again = [f"data.source={sample}", "perspective=side", *SMALL]
    assert script("train", *again, cwd=workspace) == 0
    assert file.stat().st_mtime_ns == before


def test_evaluate_finds_the_figures_of_the_training(workspace, runs, script):
    assert script("evaluate", f"run={runs['side']}", cwd=workspace) == 0
    found = read(runs["side"] / "evaluations" / "raw-data_test" / "metrics.json")
    assert found["test"] == read(runs["side"] / "metrics.json")["test"]


def test_the_archives_alone_are_enough(elsewhere, sample, script):
    archives = ["run=models.zip", "data=data.zip"]
    assert script("evaluate", *archives, cwd=elsewhere) == 0
    assert len(list(elsewhere.glob("outputs/evaluations/**/metrics.json"))) == 2
    explain = ["member=*/side/*", "per_outcome=1", "explainer.max_steps=16", "measured=4"]
    assert script("explain", *archives, *explain, cwd=elsewhere) == 0
    assert len(list(elsewhere.glob("outputs/explanations/**/contact_sheet.png"))) == 1
    assert script("predict", archives[0], f"source={sample}", "output=res", cwd=elsewhere) == 0
    predictions = pd.read_csv(elsewhere / "res/predictions.csv", keep_default_na=False)
    assert len(predictions) == 32
    assert set(predictions["label"]) == set(predictions["split"]) == {""}
    verdicts = pd.read_csv(elsewhere / "res/verdicts.csv")
    assert verdicts["cameras"].tolist() == ["top+side"] * 16


def test_predict_scores_what_it_can_and_names_what_it_cannot(elsewhere, sample, script):
    photos = elsewhere / "photos"
    photos.mkdir()
    images = sorted((sample.parent / "raw").glob("damaged/*/*_*.*g"))
    side = next(image for image in images if image.stem.endswith("_side"))
    top = next(image for image in images if image.stem.endswith("_top"))
    shutil.copy(side, photos / "camera7.jpg")
    shutil.copy(side, photos)
    shutil.copy(top, photos)
    broken = f"{side.stem[:13]}_broken_side.png"
    (photos / broken).write_bytes(side.read_bytes()[:1000])
    # Further images of one package and camera, one of another camera, and what cannot be opened.
    (photos / "later").mkdir()
    shutil.copy(side, photos / "later" / side.name)
    other = photos / "later" / f"{side.stem[:13]}_other_side.png"
    Image.open(side).transpose(Image.Transpose.ROTATE_180).save(other)
    shutil.copy(top, photos / f"{side.stem[:13]}_TOP{top.suffix.upper()}")
    (photos / "lost_side.png").symlink_to(elsewhere / "absent.png")
    undecoded = os.fsencode(photos) + b"/gr\xfc\xdfe_side.png"
    Path(os.fsdecode(undecoded)).write_bytes(side.read_bytes())
    command = ["run=models.zip", "member=*/side/*", "source=photos", "output=res"]
    assert script("predict", *command, "perspective=side", cwd=elsewhere) == 0
    table = pd.read_csv(elsewhere / "res/predictions.csv", keep_default_na=False)
    errors = dict(zip(table["path"], table["error"], strict=True))
    assert "cut" in errors.pop(broken)
    assert errors == {
        "camera7.jpg": "",
        side.name: "",
        f"later/{side.name}": f"duplicate of {side.name}",
        f"later/{other.name}": "",
        "lost_side.png": "broken link",
        "gr\\xfc\\xdfe_side.png": "name is not UTF-8: rename it",
    }
    scored = table[table["error"] == ""].set_index("path")["probability"].astype(float)
    assert scored["camera7.jpg"] == scored[side.name]
    assert set(table.loc[table["error"] != "", "probability"]) == {""}
    # A package of two images has their mean.
    verdicts = pd.read_csv(elsewhere / "res/verdicts.csv", dtype={"serial": str})
    pooled = verdicts.set_index("serial")["probability"]
    assert pooled[side.stem[:13]] == pytest.approx(
        scored[[side.name, f"later/{other.name}"]].mean()
    )
    # Results are not overwritten unless asked.
    before = (elsewhere / "res/predictions.csv").stat().st_mtime_ns
    assert script("predict", *command, cwd=elsewhere) == 2
    assert (elsewhere / "res/predictions.csv").stat().st_mtime_ns == before


def test_predict_that_scores_nothing_says_so_and_still_writes_why(elsewhere, script, capfd):
    photos = elsewhere / "empty photos"
    photos.mkdir()
    for camera in ("top", "side"):
        (photos / f"0000000000017_{camera}.png").write_bytes(b"no image")
    command = ["run=models.zip", "source='empty photos'", "output=nothing"]
    assert script("predict", *command, cwd=elsewhere) == 2
    assert "error: not one image of empty photos could be scored; " in capfd.readouterr().err
    table = pd.read_csv(elsewhere / "nothing/predictions.csv")
    assert table["error"].notna().tolist() == [True, True]


def test_a_failed_job_does_not_stop_the_others(workspace, sample, script, capfd):
    sweep = ["-m", f"data.source={sample}", *SMALL, "name=mixed", "precision=fp16,fp32",
             "trainer=cpu"]  # fmt: skip
    assert script("train", *sweep, cwd=workspace) == 1
    states = [read(file)["state"] for file in workspace.glob("outputs/mixed/**/status.json")]
    assert states == ["done"]
    assert "fp16 is not for this CPU" in "".join(capfd.readouterr()).replace("\n", " ")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("prepare", ["data.source=nowhere"], "nowhere"),
        ("train", ["model=alexnet"], "efficientnet_lite"),
        ("train", ["perspective=below"], "both"),
        ("train", ["precision=int8"], "bf16_true"),
        ("train", ["precision=fp16", "trainer=cpu"], "fp32"),
        ("train", ["trainer.epochs=3"], "trainer.epochs"),
        ("train", ["data.on_device=maybe"], "auto, true or false"),
        ("train", ["data.on_device=true", "finetune=probe"], "finetune.views"),
        ("train", ["model.compile=fast"], "reduce-overhead"),
        ("train", ["model.backbone=resnet19", "model.weights=none"], "resnet18"),
        ("train", ["model=resnet", "model.weights=bundled"], "tf_efficientnet_lite0"),
        ("train", ["model=resnet", "model.weights=lost.pth"], "lost.pth"),
        ("evaluate", [], "run"),
        ("evaluate", ["run=nowhere"], "nowhere"),
        ("evaluate", ["run=models.zip", "data=data.zip", "split=exam"], "train, val, test"),
        ("evaluate", ["run=models.zip", "data=data.zip", "member=none"], "member=none"),
        ("evaluate", ["run=models.zip", "fusion=vote"], "mean, max, logistic"),
        ("evaluate", ["run=models.zip", "data=models.zip"], "models.zip"),
        ("explain", ["run=models.zip"], "outputs/data"),
        ("explain", ["run=models.zip", "data=data.zip", "images=[123]"], "123"),
        ("explain", ["run=models.zip", "data=data.zip", "explainer.baselines=[pink]"], "black"),
        ("predict", ["run=models.zip", "source=empty", "output=x"], "empty"),
        ("predict", ["run=data.zip", "source=data.zip", "output=x"], "no run"),
        ("predict", ["run=models.zip", "source=x", "output=x", "perspective=up"], "top or side"),
        ("report", ["name=nothing"], "nothing"),
    ],
)
def test_a_mistake_gets_a_sentence_and_nothing_is_written(
    elsewhere, script, capfd, name, arguments, message
):
    (elsewhere / "empty").mkdir()
    before = sorted(elsewhere.iterdir())
    assert script(name, *arguments, cwd=elsewhere) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert "Traceback" not in said
    outputs = elsewhere / "outputs"
    written = [file for file in outputs.rglob("*") if file.is_file() and "cache" not in file.parts]
    assert written == []
    assert set(elsewhere.iterdir()) - set(before) <= {outputs}


def test_a_run_without_a_checkpoint_is_refused(workspace, runs, script, tmp_path, capfd):
    shutil.copytree(runs["side"], tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    assert script("evaluate", f"run={tmp_path / 'run'}", cwd=workspace) == 2
    assert "best.ckpt" in capfd.readouterr().err


def test_a_script_works_from_another_folder_in_a_process_of_its_own(tmp_path):
    command = [sys.executable, str(ROOT / "scripts/prepare.py"), "data.source=nowhere"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: nowhere does not exist")
    assert result.stdout == ""


def test_a_pair_run_gives_every_package_a_verdict_and_marks_a_missing_image(
    workspace, script, tmp_path
):
    """One model for both images: trained, evaluated, explained, and used on new packages."""
    source = workspace / "outputs/data/raw-data"
    arguments = [f"data.source={source}", "perspective=pair", *SMALL, "name=pairs"]
    assert script("train", *arguments, cwd=workspace) == 0
    [run] = [file.parent for file in workspace.glob("outputs/pairs/**/status.json")]
    table = pd.read_csv(run / "predictions.csv", dtype={"serial": str})
    assert table["serial"].is_unique
    assert set(table["cameras"]) == {"top+side"}
    assert (
        script("explain", f"run={run}", "per_outcome=1", "explainer.max_steps=16", cwd=workspace)
        == 0
    )
    assert list((run / "explanations" / "panels").glob("*_pair.png"))

    photos = tmp_path / "photos"
    photos.mkdir()
    images = sorted((source / "images").rglob("*.jpg"))
    serials = sorted({image.name[:13] for image in images})[:3]
    for image in images:
        if image.name[:13] in serials[:2] or image.name == f"{serials[2]}_top.jpg":
            shutil.copy(image, photos)
    (photos / f"{serials[1]}_side.jpg").write_text("torn off")
    results = ["source=photos", "output=results"]
    assert script("predict", f"run={run}", *results, cwd=tmp_path) == 0
    verdicts = pd.read_csv(tmp_path / "results/verdicts.csv", dtype={"serial": str})
    assert verdicts.set_index("serial")["cameras"].to_dict() == {
        serials[0]: "top+side", serials[1]: "top", serials[2]: "top",
    }  # fmt: skip
    assert verdicts["probability"].between(0, 1).all()


def test_what_the_system_refuses_anywhere_is_a_sentence(script, tmp_path, capsys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "outputs/data")

    monkeypatch.setattr("packsight.preparation.request.render_sample", full)
    assert script("prepare", cwd=tmp_path) == 2
    assert "outputs/data" in " ".join(capsys.readouterr().err.split())
