"""The newest packages held out."""

import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.preparation.time_order import carve_newest, times_of_parts

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def packages(times: list[float], labels: str, groups: list[str] | None = None) -> pd.DataFrame:
    names = {"i": "intact", "d": "damaged"}
    return pd.DataFrame(
        {
            "label": [names[label] for label in labels],
            "time": [float(time) for time in times],
            "group": groups or [""] * len(times),
        },
        index=[f"p{place}" for place in range(len(times))],
    )


def test_the_newest_are_the_test_and_the_next_newest_validation():
    table = packages([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "ididididid")
    splits = carve_newest(table, SHARES)
    assert splits.tolist() == ["test"] * 2 + ["val"] * 2 + ["train"] * 6
    assert times_of_parts(table["time"], splits) == {
        "test": (8, 9), "train": (0, 5), "val": (6, 7),
    }  # fmt: skip


def test_cuts_move_until_each_part_has_both_labels():
    table = packages(list(range(10)), "ididiidiii")
    splits = carve_newest(table, SHARES)
    assert splits.tolist() == ["train"] * 3 + ["val"] * 3 + ["test"] * 4
    with pytest.raises(UserError, match=r"10 packages of 10 times .* both labels in each"):
        carve_newest(packages(list(range(10)), "dddiiiiiii"), SHARES)


def test_packages_of_one_time_or_one_group_stay_together():
    table = packages([0, 0, 1, 1, 2, 2, 2, 2, 2, 2], "id" * 5)
    splits = carve_newest(table, SHARES)
    assert splits.tolist() == ["train"] * 2 + ["val"] * 2 + ["test"] * 6
    old_in_new = packages(list(range(10)), "id" * 5, ["x", *[""] * 8, "x"])
    splits = carve_newest(old_in_new, SHARES)
    assert splits["p0"] == splits["p9"] == "test"


def test_what_the_source_brings_is_not_carved():
    splits = carve_newest(packages(list(range(10)), "id" * 5), {"train": 0.8, "val": 0.2})
    assert splits.tolist() == ["train"] * 8 + ["val"] * 2
    assert set(carve_newest(packages([1, 2], "id"), {"train": 1.0})) == {"train"}
