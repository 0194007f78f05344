"""Known answers of the metrics, and the agreement of the two ways to get them."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from packsight.errors import UserError
from packsight.evaluation.metrics import (
    classification_metrics,
    epoch_metrics,
    metrics_by_perspective,
    wilson_interval,
)

# Three damaged (one missed), two intact (one false alarm). 5 of 6 pairs are ranked rightly.
TABLE = pd.DataFrame(
    {
        "serial": ["01", "02", "03", "04", "05"],
        "perspective": ["top", "side", "side", "top", "side"],
        "label": ["damaged", "damaged", "damaged", "intact", "intact"],
        "probability": [0.9, 0.8, 0.4, 0.5, 0.1],
    }
)
UNDEFINED_WITHOUT_INTACT = (
    "recall_intact", "recall_intact_low", "recall_intact_high", "auroc", "average_precision",
)  # fmt: skip


def test_known_table() -> None:
    metrics = classification_metrics(TABLE)
    assert metrics["confusion"] == [[1, 1], [1, 2]]  # 0.5 counts as damaged
    assert metrics["images"] == 5
    assert metrics["packages"] == 5
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["recall_damaged"] == pytest.approx(2 / 3)
    assert metrics["recall_intact"] == pytest.approx(1 / 2)
    assert metrics["precision_damaged"] == pytest.approx(2 / 3)
    assert metrics["precision_intact"] == pytest.approx(1 / 2)
    assert metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["auroc"] == pytest.approx(5 / 6)
    # Precision 1 at the first two hits and 3/4 at the third, a recall step of 1/3 each.
    assert metrics["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    right = [0.9, 0.8, 0.4, 0.5, 0.9]
    assert metrics["loss"] == pytest.approx(-np.log(right).mean())


def test_intervals_belong_to_their_proportions() -> None:
    metrics = classification_metrics(TABLE)
    for name, right, trials in (
        ("accuracy", 3, 5),
        ("recall_damaged", 2, 3),
        ("recall_intact", 1, 2),
    ):
        assert (metrics[f"{name}_low"], metrics[f"{name}_high"]) == wilson_interval(right, trials)


def test_wilson_interval_of_19_in_20() -> None:
    assert wilson_interval(19, 20) == pytest.approx((0.764, 0.991), abs=5e-4)
    assert wilson_interval(0, 0) == (None, None)


def test_wilson_interval_ends_at_none_and_at_all() -> None:
    assert wilson_interval(0, 20)[0] == 0.0
    assert wilson_interval(20, 20)[1] == 1.0


def test_a_perfect_ranking_is_one() -> None:
    rows = [(f"{i:02}", "damaged" if i >= 7 else "intact", i / 19) for i in range(20)]
    metrics = classification_metrics(pd.DataFrame(rows, columns=["serial", "label", "probability"]))
    assert metrics["auroc"] == 1.0
    assert metrics["average_precision"] == pytest.approx(1.0)


def test_certain_and_wrong_has_a_finite_loss() -> None:
    table = TABLE.assign(probability=[0.0, 0.0, 0.0, 1.0, 1.0])
    assert classification_metrics(table)["loss"] == pytest.approx(-math.log(1e-7), rel=1e-3)


def test_one_class_alone_leaves_the_other_undefined() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = classification_metrics(TABLE[TABLE["label"] == "damaged"])
    assert {name for name in metrics if metrics[name] is None} == set(UNDEFINED_WITHOUT_INTACT)
    assert metrics["recall_damaged"] == pytest.approx(2 / 3)


def test_probabilities_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="1 of 5 probabilities"):
        classification_metrics(TABLE.assign(probability=[0.9, 0.8, np.nan, 0.5, 0.1]))


def test_perspectives_only_where_the_table_holds_both() -> None:
    both = metrics_by_perspective(TABLE)
    assert list(both) == ["all", "top", "side"]
    assert [both[part]["images"] for part in both] == [5, 2, 3]
    assert both["side"]["confusion"] == [[1, 0], [1, 1]]
    assert list(metrics_by_perspective(TABLE[TABLE["perspective"] == "side"])) == ["all"]


def test_images_of_one_package_count_it_once() -> None:
    metrics = classification_metrics(TABLE.assign(serial=["01", "02", "02", "03", "03"]))
    assert (metrics["images"], metrics["packages"]) == (5, 3)


def test_epoch_metrics_agree_with_the_table_in_batches() -> None:
    generator = np.random.default_rng(3)
    probability = np.round(generator.random(60), 1).astype(np.float32)  # ties, some at 0.5
    label = (generator.random(60) < 0.4).astype(int)
    collection = epoch_metrics("val/")
    for start in range(0, 60, 16):
        part = slice(start, start + 16)
        collection.update(torch.from_numpy(probability[part]), torch.from_numpy(label[part]))
    epoch = {
        name.removeprefix("val/"): value.item() for name, value in collection.compute().items()
    }
    assert len(epoch) == 8
    table = pd.DataFrame(
        {
            "serial": np.arange(60).astype(str),
            "label": np.where(label == 1, "damaged", "intact"),
            "probability": probability,
        }
    )
    expected = classification_metrics(table)
    assert epoch == pytest.approx({name: expected[name] for name in epoch}, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_epoch_of_one_class_is_silent(label: int) -> None:
    collection = epoch_metrics("val/")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collection.update(torch.tensor([0.2, 0.7]), torch.tensor([label, label]))
        values = collection.compute()
    assert values["val/auroc"].isnan()
    assert values["val/average_precision"].isnan()
    assert values["val/accuracy"] == 0.5


def test_epoch_metrics_start_anew_after_reset() -> None:
    collection = epoch_metrics("train/")
    collection.update(torch.tensor([0.9, 0.1]), torch.tensor([0, 1]))
    collection.reset()
    collection.update(torch.tensor([0.9, 0.1]), torch.tensor([1, 0]))
    values = collection.compute()
    assert values["train/accuracy"] == 1
    assert values["train/auroc"] == 1
