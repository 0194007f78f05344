"""What explain left in runs, compared: known answers from tables written by hand."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from complete_config import complete_yaml

from packsight.reporting.attribution_comparison import (
    AttributionComparison,
    collect_attributions,
    look_sheets,
    write_attributions,
)
from packsight.reporting.attribution_table import attributions_cells, attributions_table
from packsight.reporting.attribution_words import belt_sentences
from packsight.reporting.leaderboard import collect
from packsight.reporting.leaderboard_table import leaderboard_table
from packsight.reporting.page import write_report
from packsight.reporting.pooling import pool_runs
from packsight.system.files import write_json


def explained_run(
    experiment: Path, backbone: str, perspective: str, belt: float, fold: int | None = None
) -> Path:
    """A run without results whose maps lie on the belt with this share, of 0.4 of the area."""
    last = "split_seed0" if fold is None else f"fold{fold}_seed0"
    folder = experiment / "sample" / backbone / perspective / "fp32" / last
    (folder / "explanations" / "overlays").mkdir(parents=True)
    config = {
        "monitor": "val/loss", "monitor_mode": "min", "seed": 0,
        "data": {"name": "sample", "fold": fold}, "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "none"}, "precision": {"name": "fp32"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(complete_yaml(config))
    write_json(folder / "status.json", {"state": "done"})
    first = 10 * (fold or 0)
    shares = [0.99 if number % 2 else belt + 0.01 * (number - 4) for number in range(10)]
    table = pd.DataFrame(
        {
            "serial": [f"{first + number:013d}" for number in range(10)],
            "perspective": perspective,
            "label": ["damaged", "intact"] * 5,
            "outcome": ["hit", "correct pass"] * 5,
            "method": "Occlusion",
            "belt_share": shares,
            "belt_area": 0.4,
            "package_share": 0.3,
            "package_area": 0.6,
            "damage_share": 0.2,
            "damage_area": 0.05,
            "pointing_hit": 1.0,
            "deletion_auc": 0.5,
            "insertion_auc": 0.7,
        }
    )
    table.to_csv(folder / "explanations" / "attributions.csv", index=False)
    pooled = {"outcome": ["damaged"], "measure": ["belt_share"], "mean": [belt]}
    pd.DataFrame(pooled).to_csv(folder / "explanations" / "measures.csv", index=False)
    for serial in table["serial"].head(2):
        picture = np.full((90, 160, 3), 200, np.uint8)
        cv2.imwrite(str(folder / f"explanations/overlays/{serial}_{perspective}.jpg"), picture)
    return folder


@pytest.fixture
def experiment(tmp_path) -> Path:
    explained_run(tmp_path, "resnet18", "top", belt=0.7)
    explained_run(tmp_path, "vit_tiny", "top", belt=0.2)
    explained_run(tmp_path, "vit_tiny", "side", belt=0.4)
    return tmp_path


def test_words_say_which_model_leans_on_the_belt_with_the_interval(experiment):
    said = belt_sentences(collect_attributions(experiment, collect(experiment)))
    assert len(said) == 3
    [resnet] = [sentence for sentence in said if "resnet18" in sentence]
    assert "leans on the belt: a share of 0.70 (0.6" in resnet
    assert "where the belt is 0.40 of the area" in resnet
    assert any("the top, vit_tiny looks at the package more" in sentence for sentence in said)
    assert any(
        "the side, vit_tiny looks at the belt about as much" in sentence for sentence in said
    )


def test_folds_are_pooled_over_their_packages(tmp_path):
    for fold in (0, 1):
        explained_run(tmp_path, "resnet18", "top", belt=0.5 + 0.2 * fold, fold=fold)
    rows = collect_attributions(tmp_path, collect(tmp_path)).rows
    [belt] = rows[(rows["measure"] == "belt_share") & (rows["outcome"] == "damaged")].to_dict(
        "records"
    )
    assert belt["mean"] == pytest.approx(0.6)
    assert (belt["folds"], belt["packages"]) == (2, 10)


def test_a_cell_tells_mean_interval_and_area(experiment):
    attributions = collect_attributions(experiment, collect(experiment))
    cells = {(row[0], row[1]): row[2:] for row in attributions_cells(attributions)}
    belt, damage, pointing, deletion = cells["top", "resnet18"]
    assert belt.startswith("0.70 0.6")
    assert belt.endswith("(0.40)")
    assert damage == "0.20 0.20–0.20 (0.05)"
    assert pointing == "1.00 1.00–1.00"
    assert deletion == "0.50 0.50–0.50"


def test_table_figure_sheets_and_report_are_written(experiment):
    sanity = pd.DataFrame({"test": ["randomisation", "shift"], "number": 1, "spearman": 0.9,
                           "spearman_abs": 0.9, "method": "Occlusion"})  # fmt: skip
    folder = experiment / "sample/resnet18/top/fp32/split_seed0/explanations"
    sanity.to_csv(folder / "sanity.csv", index=False)
    frame = collect(experiment)
    attributions = write_attributions(experiment, frame)
    assert len(pd.read_csv(experiment / "attributions.csv")) == len(attributions.rows)
    assert cv2.imread(str(experiment / "attributions.png")).std() > 5
    page = cv2.imread(str(experiment / "attributions_top.png"))
    assert page.shape[1] > 2 * 380  # two models side by side
    assert not (experiment / "attributions_side.png").exists()  # one model has nothing beside it
    file = write_report(experiment, frame, pool_runs(experiment, frame), attributions)
    text = file.read_text(encoding="utf-8")
    assert "leans on the belt" in text
    assert "FAILS the model-randomisation test" in text
    assert "The same packages across models, top" in text


def test_the_sheet_begins_with_what_the_models_saw(experiment):
    [older] = look_sheets(experiment, collect(experiment)).values()
    for overlay in experiment.rglob("overlays/*.jpg"):
        seen = overlay.parent.with_name("seen") / overlay.name
        seen.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(seen), np.full((90, 160, 3), 77, np.uint8))
    [sheet] = look_sheets(experiment, collect(experiment)).values()
    assert sheet.shape[1] > older.shape[1] + 300
    assert abs(sheet[50, 200].astype(int) - 77).max() <= 3


def test_an_experiment_without_explanations_has_no_comparison(experiment):
    for file in experiment.rglob("attributions.csv"):
        file.unlink()
    attributions = write_attributions(experiment, collect(experiment))
    assert attributions.rows.empty
    assert belt_sentences(attributions) == []
    assert not (experiment / "attributions.csv").exists()


def test_a_model_that_leans_on_the_belt_gets_a_warning_mark(experiment, printed):
    frame = collect(experiment, max_belt_share=0.5).set_index("backbone")
    assert frame.loc["resnet18", "leans_on_belt"]
    assert not frame.loc["vit_tiny", "leans_on_belt"].any()
    assert not collect(experiment)["leans_on_belt"].any()  # unless asked
    lines = printed(leaderboard_table(collect(experiment, max_belt_share=0.5)), 120)
    assert "".join(lines).count("! belt 0.70") == 1


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_keeps_names_and_numbers_whole(experiment, printed, width):
    attributions = collect_attributions(experiment, collect(experiment))
    names = {"resnet18": "tf_efficientnet_lite0", "vit_tiny": "vit_tiny_patch16_224"}
    renamed = AttributionComparison(attributions.rows.replace({"backbone": names}), [])
    lines = printed(attributions_table(renamed), width)
    assert max(map(len, lines)) <= width
    words = [word for line in lines for word in line.split()]
    cells = attributions_cells(renamed)
    for word in (word for row in cells for cell in row[1:] for word in cell.split()):
        assert word in words
    if width == 120:
        assert " ".join(cells[0][1:]) in [" ".join(line.split()) for line in lines]
