"""Bursts in training: a package counts once an epoch, and over epochs all of its images."""

from collections import Counter

import numpy as np
import pandas as pd

from packsight.data.dataset import PackageDataset
from packsight.data.pairing import pair_images
from packsight.data.shots import one_of_each


class Images(dict):
    """In the place of a cache."""

    def __init__(self, names: str) -> None:
        super().__init__({name: np.full((2, 3, 3), ord(name), np.uint8) for name in names})
        self.images = np.zeros((1, 2, 3, 3), np.uint8)


def rows(*images: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(images, columns=["serial", "perspective", "sha256"])
    return table.assign(label="damaged", split="train", located="auto", path=table["sha256"])


BURST = rows(("1", "side", "a"), ("1", "side", "b"), ("1", "side", "c"), ("1", "top", "t"),
             ("2", "top", "u"))  # fmt: skip


def test_a_package_and_camera_is_one_row_with_all_its_images():
    found = one_of_each(BURST)
    assert found["sha256"].tolist() == ["a|b|c", "t", "u"]
    assert found["serial"].tolist() == ["1", "1", "2"]
    alone = BURST.iloc[2:]
    assert one_of_each(alone) is alone


def test_a_seed_draws_one_image_and_all_come():
    dataset = PackageDataset(one_of_each(BURST), Images("abctu"))
    drawn = [dataset.shown(0, seed) for seed in range(300)]
    counts = Counter(name for names in drawn for name in names)
    assert set(counts) == {*"abc"}
    assert min(counts.values()) > 70
    assert drawn == [dataset.shown(0, seed) for seed in range(300)]
    assert dataset.shown(0, None) == ["a"]
    assert int(dataset[(0, 7)].image[0, 0, 0]) == ord(dataset.shown(0, 7)[0])
    assert [dataset.shown(1, 5), dataset.shown(2, None)] == [["t"], ["u"]]


def test_pairs_of_bursts_go_by_order_and_the_last_image_stands_again():
    pairs = pair_images(BURST)
    assert pairs["sha256"].tolist() == ["t;a", "t;b", "t;c", "u;"]
    assert pairs["cameras"].tolist() == ["top+side"] * 3 + ["top"]
    assert pairs["serial"].tolist() == ["1", "1", "1", "2"]
    assert one_of_each(pairs)["sha256"].tolist() == ["t;a|b|c", "u;"]


def test_of_a_pair_each_camera_draws_for_itself():
    pairs = pair_images(rows(("1", "top", "t"), ("1", "top", "u"), ("1", "side", "a"),
                             ("1", "side", "b")))  # fmt: skip
    dataset = PackageDataset(one_of_each(pairs), Images("abtu"), camera_dropout=0.25)
    drawn = {tuple(dataset.shown(0, seed)) for seed in range(100)}
    assert {("t", "a"), ("t", "b"), ("u", "a"), ("u", "b"), ("", "a"), ("u", "")} <= drawn


def test_pairs_where_a_camera_is_missing_everywhere():
    assert pair_images(rows(("1", "top", "t"), ("1", "top", "u")))["sha256"].tolist() == [
        "t;",
        "u;",
    ]
