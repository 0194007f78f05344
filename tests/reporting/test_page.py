"""The page: self-contained, true to its runs, and safe to open whatever they left."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml
from PIL import Image

from packsight.evaluation.metrics import metrics_by_perspective
from packsight.reporting.findings import findings
from packsight.reporting.leaderboard import collect
from packsight.reporting.page import write_report
from packsight.reporting.pooling import pool_runs
from packsight.system.files import write_json

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """A page's tags, the sources of its pictures and the text of its table rows."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.pictures: dict[str, str] = {}
        self.rows: list[str] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        attributes = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.pictures[attributes["alt"]] = attributes["src"]
        if tag == "tr":
            self.rows.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows:
            self.rows[-1] += data


def predictions(right: int, images: int, split: str, perspectives: list[str]) -> pd.DataFrame:
    """Alternately intact and damaged packages, the first `right` images of them told rightly."""
    index = np.arange(images)
    damaged = (index // len(perspectives)) % 2 == 1
    probability = np.where(damaged == (index < right), 0.9, 0.1)
    return pd.DataFrame(
        {
            "serial": [f"{split}{package:09d}" for package in index // len(perspectives)],
            "perspective": [perspectives[i % len(perspectives)] for i in index],
            "label": np.where(damaged, "damaged", "intact"),
            "probability": probability,
            "predicted": np.where(probability >= 0.5, "damaged", "intact"),
            "split": split,
            "path": "",
        }
    )


def write_run(
    experiment: Path,
    backbone: str,
    perspective: str,
    right: int = 0,
    *,
    val_right: int = 8,
    state: str = "done",
    error: str | None = None,
    variant: str = "",
) -> Path:
    """A run's folder, with `right` of 20 test images and `val_right` of 10 others right."""
    folder = experiment / "sample" / backbone / perspective / "fp32" / f"split_seed0{variant}"
    folder.mkdir(parents=True)
    config = {
        "monitor": "val/loss",
        "monitor_mode": "min",
        "seed": 0,
        "data": {"name": "sample", "fold": None},
        "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "bundled"},
        "precision": {"name": "fp32"},
    }
    (folder / "config.yaml").write_text(complete_yaml(config))
    status = {"state": state, "seconds": 80, "error": error}
    (folder / "status.json").write_text(json.dumps(status))
    if state == "done":
        cameras = ["top", "side"] if perspective == "both" else [perspective]
        tables = {
            "val": predictions(val_right, 10, "val", cameras),
            "test": predictions(right, 20, "test", cameras),
        }
        pd.concat(tables.values()).to_csv(folder / "predictions.csv", index=False)
        metrics = {split: metrics_by_perspective(table) for split, table in tables.items()}
        write_json(folder / "metrics.json", metrics)
        history = {"epoch": [0, 1], "train/loss": [0.7, 0.5], "val/loss": [0.7, 0.6]}
        pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    return folder


def report(experiment: Path) -> Path:
    frame = collect(experiment)
    return write_report(experiment, frame, pool_runs(experiment, frame))


def said_of(experiment: Path) -> list[str]:
    return findings(pool_runs(experiment, collect(experiment)))


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that are done, one that failed, one at work; the first has a contact sheet."""
    folder = tmp_path_factory.mktemp("outputs") / "demo"
    run = write_run(folder, "resnet18", "side", right=19)
    (run / "explanations").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(run / "explanations" / "contact_sheet.png")
    write_run(folder, "resnet18", "both", right=14)
    write_run(folder, "vit_tiny", "top", state="failed", error=f"OSError: {HOSTILE}\nsecond line")
    write_run(folder, "convnext_atto", "top", state="running")
    return folder


@pytest.fixture(scope="module")
def page(experiment: Path) -> Page:
    return Page(report(experiment))


def test_page_needs_nothing_else(experiment: Path, page: Page) -> None:
    source = (experiment / "report.html").read_text(encoding="utf-8")
    assert not {"link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert all(picture.startswith("data:image/") for picture in page.pictures.values())
    without_pictures = re.sub(r'"data:[^"]*"', "", source)
    assert not re.search(r"//|url\(|@import", without_pictures)
    assert len(source) < 2_000_000


def test_table_holds_the_runs_that_are_done(page: Page) -> None:
    rows = [" ".join(row.split()) for row in page.rows[1:]]
    assert len(rows) == 2
    assert rows[0].startswith("1 both resnet18 ")
    assert "0.70 0.48–0.85 top 0.70 · side 0.70" in rows[0]
    assert rows[1].startswith("1 side resnet18 ")
    assert "0.95 0.76–0.99" in rows[1]


def test_what_did_not_finish_is_listed_with_its_reason(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "4 runs (2 done, 1 failed, 1 running)" in text
    assert f"vit_tiny · top: failed, OSError: {HOSTILE}" in text
    assert "second line" not in text
    assert "convnext_atto · top: running or interrupted" in text


def test_pictures_of_each_run(page: Page) -> None:
    named = "\n".join(page.pictures)
    for run in ("resnet18 · side", "resnet18 · both"):
        for kind in ("Confusion matrix", "Learning curves", "ROC and precision-recall curves"):
            assert f"{kind} of {run}" in named
    sheets = {name: uri for name, uri in page.pictures.items() if name.startswith("Attributions")}
    assert list(sheets) == ["Attributions of resnet18 · side"]
    assert sheets["Attributions of resnet18 · side"].startswith("data:image/jpeg")


def test_sweep_without_a_finished_run(tmp_path: Path) -> None:
    write_run(tmp_path, "resnet18", "side", state="running")
    page = Page(report(tmp_path))
    assert "running or interrupted" in page.text
    assert "table" not in page.tags


def test_findings_choose_by_validation_and_tell_how_sure_they_are(tmp_path: Path) -> None:
    write_run(tmp_path, "lucky", "side", right=20, val_right=5)
    write_run(tmp_path, "chosen", "side", right=19, val_right=9)
    write_run(tmp_path, "resnet18", "top", right=16)
    sentences = said_of(tmp_path)
    assert sentences[0].startswith("For the top camera, resnet18 is best on validation (val/loss ")
    assert sentences[1].startswith("For the side camera, chosen is best on validation (val/loss ")
    assert "19 of 20 images right, 95% (95% interval 76% to 99%)." in sentences[1]
    assert sentences[2] == (
        "The other model (side) cannot be told from the best on the same test packages: lucky."
    )
    assert sentences[3].startswith("For the two cameras' models fused (")
    assert sentences[4] == (
        "The side camera beats the top camera: 95% against 80% right; of 20 packages 3 are right "
        "with the first alone and 0 with the second alone (McNemar, p = 0.500), so the two are "
        "tied; about 50 test packages would settle it."
    )
    assert sentences[5].startswith("Fusing the two cameras by ")
    assert sentences[6].startswith("The test has 20 packages: 19 of 20 right would mean anything ")
    assert len(sentences) == 7


def test_findings_name_a_variant_only_where_nothing_else_tells_two_runs_apart(
    tmp_path: Path,
) -> None:
    write_run(tmp_path, "resnet18", "side", right=19, variant="_f1e1ef")
    write_run(tmp_path, "vit", "side", right=16, val_right=5)
    assert "f1e1ef" not in said_of(tmp_path)[0]
    write_run(tmp_path, "resnet18", "side", right=12, val_right=5)
    assert "f1e1ef" in said_of(tmp_path)[0]


@pytest.mark.parametrize(
    ("top", "side", "said"),
    [
        (
            5,
            20,
            "15 are right with the first alone and 0 with the second alone (McNemar, p < 0.001)",
        ),
        (5, 20, "beats the top camera: 100% against 25% right; of 20 packages 15"),
        (16, 16, "0 with the second alone (McNemar, p = 1.000), so the two are tied."),
        (16, 16, "does not beat the top camera: 80% against 80% right; of 20 packages 0"),
    ],
)
def test_findings_compare_the_cameras(tmp_path: Path, top: int, side: int, said: str) -> None:
    write_run(tmp_path, "resnet18", "top", right=top)
    write_run(tmp_path, "resnet18", "side", right=side)
    assert said in " ".join(said_of(tmp_path))


def test_findings_warn_that_two_images_of_a_package_are_not_independent(tmp_path: Path) -> None:
    write_run(tmp_path, "resnet18", "both", right=14)
    said = " ".join(said_of(tmp_path))
    assert "14 of 20 images right" in said
    assert "not independent" in said
    assert "The test has 10 packages" in said
