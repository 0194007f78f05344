"""Which images are explained: the rule of the sample, and images by name."""

import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.explanation.selection import Outcome, outcome, select


def _predictions(rows: list[tuple[str, str, str, float, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["serial", "perspective", "label", "probability", "split"])
    table["predicted"] = ["damaged" if p >= 0.5 else "intact" for p in table["probability"]]
    table["path"] = [f"images/{serial}.png" for serial in table["serial"]]
    return table


PREDICTIONS = _predictions(
    [
        ("001", "side", "damaged", 0.6, "test"),
        ("002", "side", "damaged", 0.9, "test"),
        ("003", "top", "damaged", 0.7, "test"),
        ("004", "side", "damaged", 0.4, "test"),
        ("005", "side", "damaged", 0.1, "test"),
        ("006", "side", "intact", 0.55, "test"),
        ("007", "side", "intact", 0.95, "test"),
        ("008", "side", "intact", 0.3, "test"),
        ("009", "side", "intact", 0.2, "test"),
        ("010", "side", "damaged", 0.99, "val"),
        ("003", "side", "damaged", 0.8, "test"),
    ]
)


@pytest.mark.parametrize(
    ("label", "predicted", "expected"),
    [
        ("damaged", "damaged", Outcome.HIT),
        ("damaged", "intact", Outcome.MISS),
        ("intact", "damaged", Outcome.FALSE_ALARM),
        ("intact", "intact", Outcome.CORRECT_PASS),
    ],
)
def test_outcome(label: str, predicted: str, expected: Outcome) -> None:
    assert outcome(label, predicted) == expected


def test_the_most_confident_of_each_outcome_and_perspective() -> None:
    found = select(PREDICTIONS, "test", per_outcome=1)
    assert len(found) == 10  # all of the split are measured
    found = found[found["shown"]]
    assert list(zip(found["outcome"], found["perspective"], found["serial"], strict=True)) == [
        ("hit", "side", "002"),
        ("hit", "top", "003"),
        ("miss", "side", "005"),
        ("false alarm", "side", "007"),
        ("correct pass", "side", "009"),
    ]


def test_confidence_is_that_of_the_predicted_label_whatever_the_threshold() -> None:
    table = _predictions(
        [("001", "top", "damaged", 0.30, "test"), ("002", "top", "damaged", 0.45, "test")]
    ).assign(predicted="damaged")
    assert list(select(table, "test", per_outcome=2)["serial"]) == ["002", "001"]


def test_the_order_of_the_predictions_does_not_matter() -> None:
    tied = PREDICTIONS.assign(probability=PREDICTIONS["probability"].round())
    found = select(tied, "test", per_outcome=2)
    pd.testing.assert_frame_equal(found, select(tied[::-1], "test", per_outcome=2))


def test_the_measured_are_the_same_for_every_model_and_hold_both_labels():
    other = PREDICTIONS.assign(probability=0.7, predicted="damaged")
    one, two = (select(table, "test", 1, measured=4) for table in (PREDICTIONS, other))
    key = ["serial", "perspective"]
    assert set(one["label"]) == {"damaged", "intact"}
    same = [table.sort_values(key)[[*key, "compared"]].to_numpy().tolist() for table in (one, two)]
    assert same[0] == same[1]


@pytest.mark.parametrize("measured", [1, 2, 3, 5])
def test_as_many_are_measured_as_are_asked_for(measured):
    assert len(select(PREDICTIONS, "test", 1, measured=measured)) == measured


def test_a_serial_means_all_its_images_and_a_name_means_one() -> None:
    found = select(PREDICTIONS, "test", 1, ["003", "005_side"])
    assert list(found["serial"] + "_" + found["perspective"]) == ["003_side", "003_top", "005_side"]
    assert len(select(PREDICTIONS, "test", 1, ["003_top"])) == 1


def test_a_named_image_is_found_in_any_split() -> None:
    assert list(select(PREDICTIONS, "test", 1, ["010"])["split"]) == ["val"]


def test_the_columns_are_those_of_the_predictions_and_the_outcome() -> None:
    found = select(PREDICTIONS, "test", 2)
    assert list(found.columns) == [
        *PREDICTIONS.columns, "outcome", "compared", "shown",
    ]  # fmt: skip


def test_an_unknown_image_is_refused_with_close_ones() -> None:
    with pytest.raises(UserError, match=r"image 004_top has no prediction.*004_side"):
        select(PREDICTIONS, "test", 1, ["003", "004_top"])


def test_an_empty_split_is_refused_with_those_that_have_predictions() -> None:
    with pytest.raises(UserError, match=r"split=train .* test, val"):
        select(PREDICTIONS, "train", 1)
