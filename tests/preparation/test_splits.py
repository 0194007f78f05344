import numpy as np
import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.preparation.splits import (
    SplitSettings,
    assign_folds,
    assign_splits,
    fewer_to_train,
    fold_splits,
)

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def packages(intact: int, damaged: int, test: int = 0, brought: str = "") -> pd.DataFrame:
    """Packages of each label, of which the source holds the first `test` out."""
    rows = []
    for label, count, start in (("intact", intact, 0), ("damaged", damaged, 500)):
        for index in range(count):
            rows.append((f"{start + index:013d}", label, "test" if index < test else brought))
    return pd.DataFrame(rows, columns=["serial", "label", "split"]).set_index("serial")


def counts(table: pd.DataFrame, splits: pd.Series) -> dict[tuple[str, str], int]:
    return splits.groupby([table["label"], splits]).size().to_dict()


def manifest(table: pd.DataFrame, folds: int = 5) -> pd.DataFrame:
    rows = table.assign(fold=assign_folds(table, folds, 0)).reset_index()
    return pd.concat([rows.assign(perspective="side"), rows.assign(perspective="top")])


def test_counts_are_exact_per_label():
    table = packages(100, 20)
    assert counts(table, assign_splits(table, FRACTIONS, 0)) == {
        ("intact", "train"): 70,
        ("intact", "val"): 15,
        ("intact", "test"): 15,
        ("damaged", "train"): 14,
        ("damaged", "val"): 3,
        ("damaged", "test"): 3,
    }


def test_an_exact_share_is_no_remainder():
    # 0.7 * 90 is 62.99… in floating point.
    table = packages(90, 90)
    assert counts(table, assign_splits(table, FRACTIONS, 0))[("intact", "train")] == 63


@pytest.mark.parametrize("count", [3, 4, 5])
def test_every_label_is_in_every_split(count):
    table = packages(count, count)
    assert len(counts(table, assign_splits(table, FRACTIONS, 0))) == 6


def test_split_and_folds_ignore_the_order_of_files():
    table = packages(40, 30)
    shuffled = table.sample(frac=1, random_state=1)
    assert assign_splits(shuffled, FRACTIONS, 0)[table.index].equals(
        assign_splits(table, FRACTIONS, 0)
    )
    assert assign_folds(shuffled, 5, 0)[table.index].equals(assign_folds(table, 5, 0))


def test_a_known_split_stays_the_same_on_every_machine():
    # By hand: `printf 0:0000000000500 | sha256sum` and so on put the damaged ones in reverse.
    splits = assign_splits(packages(3, 3), FRACTIONS, 0)
    assert splits.tolist() == ["train", "val", "test", "test", "val", "train"]


def test_the_seed_moves_packages():
    table = packages(40, 40)
    assert not assign_splits(table, FRACTIONS, 0).equals(assign_splits(table, FRACTIONS, 1))
    assert not assign_folds(table, 5, 0).equals(assign_folds(table, 5, 1))


def test_a_package_of_one_label_does_not_move_the_other():
    more = packages(41, 30)
    fewer = packages(40, 30)
    damaged = fewer.index[fewer["label"] == "damaged"]
    assert assign_splits(more, FRACTIONS, 0)[damaged].equals(
        assign_splits(fewer, FRACTIONS, 0)[damaged]
    )


def test_the_source_test_part_stays_and_val_is_carved_from_the_rest():
    table = packages(57, 57, test=23, brought="train")
    splits = assign_splits(table, FRACTIONS, 0)
    assert splits.eq("test").equals(table["split"].eq("test"))
    # 34 packages at 0.7 : 0.15 are 28 and 6.
    assert counts(table, splits)[("damaged", "train")] == 28
    assert counts(table, splits)[("damaged", "val")] == 6


def test_from_a_training_part_alone_test_is_carved_too():
    with_part = packages(20, 20, brought="train")
    without = packages(20, 20)
    assert assign_splits(with_part, FRACTIONS, 0).equals(assign_splits(without, FRACTIONS, 0))


def test_too_few_packages_are_refused_with_the_numbers():
    with pytest.raises(UserError, match="5 intact packages and 2 damaged packages"):
        assign_splits(packages(5, 2), FRACTIONS, 0)


def test_a_missing_label_is_refused():
    with pytest.raises(UserError, match="0 damaged packages"):
        assign_splits(packages(5, 0), FRACTIONS, 0)


@pytest.mark.parametrize(
    "fractions",
    [
        {"train": 0.7, "val": 0.15},
        {"train": 0.7, "val": 0.15, "test": 0.3},
        {"train": 0.85, "val": 0.15, "test": 0.0},
        {"train": 0.7, "val": 0.15, "eval": 0.15},
    ],
)
def test_fractions_that_make_no_split_are_refused(fractions):
    with pytest.raises(UserError, match=r"data\.fractions"):
        assign_splits(packages(9, 9), fractions, 0)


def test_folds_are_balanced_in_label_and_size():
    table = packages(23, 14)
    folds = assign_folds(table, 5, 0)
    for label in ("intact", "damaged"):
        sizes = folds[table["label"] == label].value_counts()
        assert len(sizes) == 5
        assert sizes.max() - sizes.min() <= 1
    assert sorted(folds.value_counts()) == [7, 7, 7, 8, 8]


def test_folds_ignore_the_source_test_part():
    table = packages(15, 15, test=5, brought="train")
    folds = assign_folds(table, 5, 0)
    assert folds.dtype == "Int64"
    assert folds.isna().equals(table["split"].eq("test"))


@pytest.mark.parametrize("folds", [1, 5])
def test_impossible_folds_are_refused_with_the_numbers(folds):
    with pytest.raises(UserError, match=rf"data\.folds={folds}.*4 damaged packages"):
        assign_folds(packages(9, 4), folds, 0)


def test_a_fold_is_the_test_set_and_packages_stay_whole():
    rows = manifest(packages(20, 20))
    settings = SplitSettings(FRACTIONS)
    splits = fold_splits(rows, 2, settings)
    assert splits.eq("test").equals(rows["fold"].eq(2).astype(bool))
    assert (splits.groupby(rows["serial"]).nunique() == 1).all()
    assert splits[rows["perspective"] == "top"].value_counts().to_dict() == {
        "train": 26,
        "val": 6,
        "test": 8,
    }


def test_folds_test_every_package_once():
    rows = manifest(packages(20, 20))
    tested = [fold_splits(rows, fold, SplitSettings(FRACTIONS)).eq("test") for fold in range(5)]
    assert (sum(part.astype(int) for part in tested) == 1).all()


def test_folds_choose_by_different_packages():
    rows = manifest(packages(20, 20))
    chosen_by = []
    for fold in range(5):
        settings = SplitSettings(FRACTIONS)
        validation = rows[fold_splits(rows, fold, settings).eq("val")]
        assert set(validation["fold"]) == {(fold + 1) % 5}
        chosen_by += validation["serial"].unique().tolist()
    assert len(set(chosen_by)) == len(chosen_by) == 30


def test_more_validation_than_a_fold_has_comes_from_those_after_it():
    rows = manifest(packages(20, 20))
    half = {"train": 0.4, "val": 0.4, "test": 0.2}
    settings = SplitSettings(half)
    splits = fold_splits(rows, 3, settings)
    assert sorted(rows.loc[splits.eq("val"), "fold"].unique()) == [0, 4]
    assert sorted(rows.loc[splits.eq("train"), "fold"].unique()) == [1, 2]


def test_the_source_test_part_is_in_no_split_of_a_fold():
    rows = manifest(packages(15, 15, test=5, brought="train"))
    settings = SplitSettings(FRACTIONS)
    assert fold_splits(rows, 0, settings).eq("").equals(rows["fold"].isna())


def test_an_unknown_fold_is_refused():
    settings = SplitSettings(FRACTIONS)
    with pytest.raises(UserError, match=r"data\.fold=5.*0 … 4"):
        fold_splits(manifest(packages(20, 20)), 5, settings)


def test_fewer_training_packages_are_part_of_more_and_nothing_else_moves():
    serials = [f"{number:013d}" for number in range(40)]
    table = pd.DataFrame(
        {
            "serial": np.repeat(serials, 2),
            "label": np.repeat(["damaged", "intact"] * 20, 2),
            "split": np.repeat(["train"] * 30 + ["val"] * 5 + ["test"] * 5, 2),
        }
    )
    kept: list[set[str]] = []
    for share in (0.01, 0.25, 0.5, 1.0):
        split = fewer_to_train(table, share, seed=3)
        assert (split[table["split"] != "train"] == table["split"][table["split"] != "train"]).all()
        assert set(split) <= {"train", "val", "test", ""}
        kept.append(set(table["serial"][split == "train"]))
    assert [len(serials) for serials in kept] == [2, 8, 16, 30]
    assert kept[0] < kept[1] < kept[2] < kept[3]
    with_both = table.drop_duplicates("serial").set_index("serial")["label"]
    assert set(with_both[sorted(kept[0])]) == {"damaged", "intact"}
