import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from packsight.errors import UserError
from packsight.evaluation.calibration import calibrate, crossfit


def scores(packages: int, shift: float, split: str, fold: int, start: int = 0) -> pd.DataFrame:
    """Every second package is damaged; logits part around `shift`, by 2 on either side."""
    damaged = np.arange(packages) % 2 == 1
    noise = np.random.default_rng([fold, start]).normal(0, 0.8, packages)
    return pd.DataFrame(
        {
            "serial": [f"{start + number:013d}" for number in range(packages)],
            "label": np.where(damaged, "damaged", "intact"),
            "probability": expit(np.where(damaged, 2, -2) + shift + noise),
            "split": split,
            "fold": fold,
        }
    )


def right(table: pd.DataFrame) -> float:
    return float(((table["probability"] >= 0.5) == (table["label"] == "damaged")).mean())


def test_a_threshold_in_the_wrong_place_is_mended():
    known, rows = scores(60, -2.5, "val", 0), scores(60, -2.5, "test", 0, start=100)
    assert right(rows) < 0.8
    assert right(calibrate(rows, known)) > 0.95


def test_the_order_of_scores_is_kept():
    known, rows = scores(40, 1.0, "val", 0), scores(40, 1.0, "test", 0, start=100)
    before, after = rows["probability"], calibrate(rows, known)["probability"]
    assert (before.rank() == after.rank()).all()


def test_no_row_is_changed_by_a_fit_that_knew_its_package():
    folds = [
        pd.concat([scores(8, 0, "test", fold, 100 * fold), scores(8, 0, "val", fold, 100 * other)])
        for fold, other in ((0, 1), (1, 0))
    ]

    def check(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        assert set(known["split"]) == {"val"}
        assert not set(rows["serial"]) & set(known["serial"])
        return rows

    table = pd.concat(folds, ignore_index=True)
    pd.testing.assert_frame_equal(crossfit(table, check), table)


def test_too_few_packages_to_fit_on_are_told():
    with pytest.raises(UserError, match="at least 2 validation packages"):
        crossfit(scores(2, 0, "val", 0), calibrate)
    one_label = scores(8, 0, "val", 0).query("label == 'intact'")
    with pytest.raises(UserError, match="both labels"):
        calibrate(one_label, one_label)
