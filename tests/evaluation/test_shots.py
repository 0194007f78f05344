"""Several images of a package pooled, with known answers."""

import pandas as pd
import pytest

from packsight.domain import Burst
from packsight.evaluation.metrics import classification_metrics, metrics_by_perspective
from packsight.evaluation.shots import pool_shots


def table(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["serial", "perspective", "probability", "crop"])
    paths = [f"{place}.png" for place in range(len(found))]
    label = ["damaged" if serial < "5" else "intact" for serial in found["serial"]]
    predicted = ["damaged" if p >= 0.5 else "intact" for p in found["probability"]]
    return found.assign(label=label, predicted=predicted, split="test", path=paths)


BURST = table(
    ("9", "top", 0.2, "auto"),
    ("1", "top", 0.1, "auto"),
    ("1", "top", 0.6, "auto"),
    ("1", "top", 0.8, "auto"),
    ("1", "side", 0.3, "auto"),
)


@pytest.mark.parametrize(
    ("burst", "probability", "path"), [(Burst.MEAN, 0.5, "2.png"), (Burst.MAX, 0.8, "3.png")]
)
def test_a_burst_is_one_row_with_the_image_that_is_nearest_to_it(burst, probability, path):
    rows = pool_shots(BURST.sample(frac=1, random_state=2), burst)
    found = rows.set_index(["serial", "perspective"])
    assert len(rows) == 3
    assert found.loc[("1", "top"), "probability"] == pytest.approx(probability)
    assert found.loc[("1", "top"), ["path", "predicted", "shots"]].tolist() == [path, "damaged", 3]
    assert found.loc[("1", "side"), ["probability", "shots"]].tolist() == [0.3, 1]


def test_packages_stay_in_their_order_and_one_image_each_is_as_it_was():
    assert pool_shots(BURST, Burst.MEAN)["serial"].tolist() == ["9", "1", "1"]
    assert pool_shots(BURST, Burst.MEAN)["perspective"].tolist() == ["top", "top", "side"]
    alone = BURST.drop_duplicates(["serial", "perspective"])
    assert pool_shots(alone, Burst.MAX) is alone


def test_an_image_without_the_package_counts_where_no_other_has_it():
    frames = ("1", "top", 0.9, "frame"), ("1", "top", 0.7, "frame")
    [row] = pool_shots(table(*frames, ("1", "top", 0.2, "auto")), Burst.MAX).to_dict("records")
    assert (row["probability"], row["crop"], row["shots"]) == (0.2, "auto", 3)
    [row] = pool_shots(table(*frames), Burst.MEAN).to_dict("records")
    assert (row["probability"], row["crop"]) == (pytest.approx(0.8), "frame")


def test_intervals_count_packages_and_not_the_images_of_a_burst():
    once = table(("1", "top", 0.9, "auto"), ("9", "top", 0.2, "auto"), ("2", "top", 0.1, "auto"))
    often = pd.concat([once] * 20, ignore_index=True)
    one, other = (classification_metrics(pool_shots(rows, Burst.MEAN)) for rows in (once, often))
    assert (one.pop("images"), other.pop("images")) == (3, 60)
    assert other.pop("confusion") == one.pop("confusion")
    assert other == pytest.approx(one)
    pooled = metrics_by_perspective(pool_shots(BURST, Burst.MEAN))
    assert [pooled[part]["images"] for part in ("all", "top", "side")] == [5, 4, 1]
