import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from packsight.evaluation.cross_validation import bootstrap, pool
from packsight.evaluation.metrics import wilson_interval


def predictions(wrong: int, packages: int = 40, folds: int = 2, images: int = 1) -> pd.DataFrame:
    """Alternately intact and damaged packages; the first `wrong` of them told wrongly.

    Each is test in one fold, and validation in all others.
    """
    serial = np.repeat(np.arange(packages), images)
    damaged = serial % 2 == 1
    noise = np.random.default_rng(0).uniform(0, 0.4, len(serial))
    right = np.where(damaged, 1 - noise, noise)
    table = pd.DataFrame(
        {
            "serial": [f"{number:013d}" for number in serial],
            "label": np.where(damaged, "damaged", "intact"),
            "probability": np.where(serial < wrong, 1 - right, right),
        }
    )
    home = serial // 2 % folds
    parts = [
        table.assign(fold=fold, split=np.where(home == fold, "test", "val"))
        for fold in range(folds)
    ]
    return pd.concat(parts)


def test_every_package_is_tested_once():
    row = pool(predictions(wrong=4), "loss")
    assert (row["folds"], row["packages"], row["images"], row["right"]) == (2, 40, 40, 36)
    assert row["accuracy"] == pytest.approx(0.9)
    assert row["accuracy_mean"] == pytest.approx(0.9)
    assert row["accuracy_std"] == pytest.approx(0)  # two wrong in each fold
    assert row["monitor_value"] == row["val_loss"]


def test_a_monitor_that_nobody_measured_chooses_nothing():
    assert np.isnan(pool(predictions(wrong=4), "iou")["monitor_value"])


def test_the_interval_is_that_of_packages():
    row = pool(predictions(wrong=4), "loss")
    low, high = row["accuracy_low"], row["accuracy_high"]
    # A proportion's standard error: 0.9 ± 1.96 · √(0.9 · 0.1 / 40).
    assert (low, high) == (pytest.approx(0.807, abs=0.02), pytest.approx(0.993, abs=0.02))
    assert row["recall_damaged_low"] < row["recall_damaged"] < row["recall_damaged_high"]
    assert row["auroc_low"] < row["auroc"] < row["auroc_high"]


def test_the_same_table_in_any_order_gives_the_same_interval():
    table = predictions(wrong=4)
    mixed = table.sample(frac=1, random_state=0)
    assert pool(mixed, "loss")["auroc_low"] == pytest.approx(pool(table, "loss")["auroc_low"])
    assert pool(mixed, "loss")["accuracy_low"] == pool(table, "loss")["accuracy_low"]


def test_a_second_image_that_says_the_same_makes_no_surer():
    """Counted by image, 80 independent ones would have an interval of 0.7 times the width."""
    one, two = (pool(predictions(wrong=4, images=images), "loss") for images in (1, 2))
    assert two["images"] == 80
    for end in ("accuracy_low", "accuracy_high", "recall_intact_low"):
        assert two[end] == one[end]


def test_draws_are_metrics_of_whole_packages():
    table = predictions(wrong=4, packages=6, images=2)
    test = table[table["split"] == "test"]
    # A package is right or wrong with both its images, so accuracy moves in sixths.
    sixths = bootstrap(test)["accuracy"] * 6
    np.testing.assert_allclose(sixths, sixths.round())
    draws = bootstrap(predictions(wrong=4), 500)["auroc"]
    one_fold = predictions(wrong=4)
    truth = roc_auc_score(one_fold["label"] == "damaged", one_fold["probability"])
    assert np.mean(draws) == pytest.approx(truth, abs=0.01)


def test_where_all_are_right_wilsons_interval_stands():
    row = pool(predictions(wrong=0, images=2), "loss")
    assert (row["accuracy_low"], row["accuracy_high"]) == wilson_interval(40, 40)
    assert (row["recall_damaged_low"], row["recall_damaged_high"]) == wilson_interval(20, 20)
    assert (row["auroc"], row["auroc_low"], row["auroc_high"]) == (1, None, None)


def test_a_single_split_has_wilsons_interval_of_its_packages():
    test = predictions(wrong=3, packages=20, folds=1)
    row = pool(test, "loss")
    assert row["folds"] == 1
    assert (row["accuracy_low"], row["accuracy_high"]) == wilson_interval(17, 20)
    assert np.isnan(row["accuracy_std"])
    assert np.isnan(row["val_loss"])


def test_a_fold_with_one_label_has_no_auroc_and_spoils_nothing():
    table = predictions(wrong=4)
    only = (table["fold"] == 0) & (table["label"] == "damaged") & (table["split"] == "test")
    row = pool(table[~only], "loss")
    assert 0 < row["auroc_mean"] < 1
    assert np.isnan(row["auroc_std"])
