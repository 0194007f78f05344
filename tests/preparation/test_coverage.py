"""What a split lacks is told before a training, with what would do instead."""

import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.preparation.coverage import check_splits, described
from packsight.preparation.splits import SplitSettings, assign_folds

SETTINGS = SplitSettings(folds=3)


def manifest(packages: int = 9, test: int = 3) -> pd.DataFrame:
    """Packages of both labels seen by both cameras, of which the source holds `test` out."""
    rows = []
    for label in ("intact", "damaged"):
        for index in range(packages):
            split = "test" if index < test else "val" if index < test + 2 else "train"
            rows.append((f"{label[0]}{index}", label, split))
    table = pd.DataFrame(rows, columns=["serial", "label", "split"]).set_index("serial")
    table["fold"] = assign_folds(table, SETTINGS.folds, 0)
    table = table.reset_index()
    return pd.concat(
        [table.assign(perspective=camera) for camera in ("top", "side")], ignore_index=True
    )


def without(table: pd.DataFrame, split: str, camera: str, *labels: str) -> pd.DataFrame:
    gone = (table["split"] == split) & (table["perspective"] == camera)
    return table[~(gone & (table["label"].isin(labels) | (not labels)))]


def check(table, *cameras, fold=None, monitor="val/loss"):
    return [str(gap) for gap in check_splits(table, SETTINGS, cameras, fold, monitor)]


def test_whole_splits_lack_nothing():
    assert described(manifest(), SETTINGS) == []
    for fold in (None, 0, 1, 2):
        assert check(manifest(), "top", "side", fold=fold) == []


def test_one_camera_alone_is_no_gap():
    table = manifest()
    assert described(table[table["perspective"] == "side"], SETTINGS) == []


def test_a_test_part_without_a_camera_serves_the_other_alone():
    table = without(manifest(), "test", "side")
    assert described(table, SETTINGS) == [
        "no side image in the test split: it is for top alone; side has data.fold=0"
    ]
    assert check(table, "top") == []
    for cameras in (["side"], ["top", "side"]):
        with pytest.raises(UserError, match=r"no side .*data\.fold=0 or perspective=top"):
            check(table, *cameras)
        assert check(table, *cameras, fold=0) == []


def test_a_fold_without_a_camera_is_told_with_one_that_has_it():
    table = manifest(test=0)
    table = table[~((table["fold"] == 0) & (table["perspective"] == "side"))]
    assert "data.fold=0: no side image in the test split" in described(table, SETTINGS)
    with pytest.raises(UserError, match=r"with data\.fold=0 there is no side image in the test"):
        check(table, "side", fold=0)


def test_where_nothing_would_do_more_packages_are_asked_for():
    table = manifest().assign(fold=pd.NA)
    table = without(without(table, "val", "side"), "val", "top")
    with pytest.raises(UserError, match="prepare more packages"):
        check(table, "side")


def test_one_label_can_be_measured_but_not_learned():
    table = without(manifest(), "train", "side", "damaged")
    with pytest.raises(UserError, match="no damaged side image in the train split"):
        check(table, "side")
    table = without(manifest(), "test", "side", "intact")
    assert check(table, "side") == ["no intact side image in the test split"]


@pytest.mark.parametrize("monitor", ["val/auroc", "val/average_precision"])
def test_what_ranks_both_labels_cannot_be_monitored_on_one(monitor):
    table = without(manifest(), "val", "side", "intact")
    assert check(table, "side") == ["no intact side image in the val split"]
    with pytest.raises(UserError, match="no intact side image in the val split"):
        check(table, "side", monitor=monitor)
    assert len(check(table, "top", "side", monitor=monitor)) == 1  # top has intact ones
