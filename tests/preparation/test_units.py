"""What no split parts."""

import numpy as np
import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.preparation.splits import SplitSettings, assign_folds, assign_splits, fold_splits
from packsight.preparation.units import joined_groups

FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}


def packages(groups: int, size: int, seed: int = 0) -> pd.DataFrame:
    """Groups of about so many packages, labels at random, and as many without a group."""
    rng = np.random.default_rng(seed)
    names = [f"g{g}" for g in range(groups) for _ in range(rng.integers(1, 2 * size))]
    names += [""] * len(names)
    labels = rng.choice(["intact", "damaged"], len(names))
    table = pd.DataFrame({"label": labels, "group": names, "split": ""})
    return table.set_index(pd.Index([f"p{place:04d}" for place in range(len(names))]))


def parted(table: pd.DataFrame, parts: pd.Series) -> int:
    grouped = table[table["group"] != ""]
    return int((parts[grouped.index].groupby(grouped["group"]).nunique() > 1).sum())


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_never_parted_and_labels_are_balanced(seed):
    table = packages(40, 5, seed)
    splits = assign_splits(table, FRACTIONS, seed)
    assert parted(table, splits) == 0
    shares = pd.crosstab(table["label"], splits, normalize="index")
    for split, fraction in FRACTIONS.items():
        assert shares[split].sub(fraction).abs().max() < 0.04
    folds = assign_folds(table, 5, seed)
    assert parted(table, folds) == 0
    assert pd.crosstab(table["label"], folds, normalize="index").sub(0.2).abs().max().max() < 0.04
    rows = table.assign(fold=folds).reset_index(names="serial")
    settings = SplitSettings(FRACTIONS, split_seed=seed)
    for fold in range(5):
        split = fold_splits(rows, fold, settings)
        assert parted(table, split.set_axis(table.index)) == 0
        assert split.eq("test").equals(rows["fold"].eq(fold).astype(bool))
        share = (split == "val").mean() / (split != "test").mean()
        assert abs(share - 0.25) < 0.04


def test_neither_the_order_of_packages_nor_names_of_groups_decide():
    table = packages(12, 4)
    shuffled = table.sample(frac=1, random_state=1)
    splits = assign_splits(table, FRACTIONS, 0)
    assert assign_splits(shuffled, FRACTIONS, 0)[table.index].equals(splits)
    assert not assign_splits(table, FRACTIONS, 1).equals(splits)


def test_groups_of_one_package_each_are_as_good_as_none():
    table = packages(30, 3).assign(group=lambda found: found.index)
    without = table.drop(columns="group")
    assert assign_splits(table, FRACTIONS, 0).equals(assign_splits(without, FRACTIONS, 0))
    assert assign_folds(table, 3, 0).equals(assign_folds(without, 3, 0))


def test_as_many_groups_as_splits_are_enough():
    for labels in (["intact", "damaged"] * 3, ["intact"] * 3 + ["damaged"] * 3):
        groups = (
            [f"g{place // 2}" for place in range(6)] if labels[1] == "damaged" else list("abcdef")
        )
        table = pd.DataFrame({"label": labels * 2, "group": groups * 2}, index=list("abcdefghijkl"))
        splits = assign_splits(table, FRACTIONS, 0)
        assert parted(table, splits) == 0
        assert (pd.crosstab(table["label"], splits) > 0).all(axis=None)
        assert pd.crosstab(table["label"], splits).shape == (2, 3)


def test_too_few_groups_are_told():
    table = pd.DataFrame(
        {"label": ["intact", "damaged"] * 6, "group": ["a", "a", "b", "b"] * 3},
        index=list("abcdefghijkl"),
    )
    told = r"too few of them to divide into train, val, test .*\(2 with intact packages and 2 with"
    with pytest.raises(UserError, match=told):
        assign_splits(table, FRACTIONS, 0)
    with pytest.raises(UserError, match="to divide into 3 folds with both labels"):
        assign_folds(table, 3, 0)
    assert set(assign_folds(table, 2, 0)) == {0, 1}


def test_groups_that_share_a_package_are_one():
    pairs = [("1", "b"), ("1", "a"), ("2", "b"), ("3", "c"), ("4", ""), ("5", "c"), ("5", "")]
    found = joined_groups(pairs)
    assert found == {"1": "a", "2": "a", "3": "c", "4": "", "5": "c"}
    assert joined_groups([("1", "")]) == {"1": ""}
