import numpy as np
import pandas as pd
import pytest

from packsight.decision.late_fusion import Fusion, LateFusion
from packsight.errors import UserError
from packsight.evaluation.verdicts import add_verdicts, by_package, fuse_folds


def packages(count: int = 24, folds: int = 3) -> pd.DataFrame:
    """Both cameras' probabilities of packages, each test in one fold and validation elsewhere."""
    index = np.arange(count)
    damaged = index % 2 == 1
    noise = np.random.default_rng(0).normal(size=(2, folds, count))
    top, side = 1 / (1 + np.exp(-(2.0 * damaged - 1 + noise)))
    parts = [
        pd.DataFrame(
            {
                "serial": [f"{number:013d}" for number in index],
                "label": np.where(damaged, "damaged", "intact"),
                "split": np.where(index // 2 % folds == fold, "test", "val"),
                "fold": fold,
                "probability_top": top[fold],
                "probability_side": side[fold],
            }
        )
        for fold in range(folds)
    ]
    return pd.concat(parts, ignore_index=True)


def test_images_become_packages():
    rows = [("a", "side", 0.9), ("a", "top", 0.2), ("b", "top", 0.1), ("c", "side", 0.6),
            ("d", "top", np.nan)]  # fmt: skip
    found = by_package(pd.DataFrame(rows, columns=["serial", "perspective", "probability"]))
    assert found["serial"].tolist() == ["a", "b", "c"]  # d has no probability at all
    assert found["cameras"].tolist() == ["top+side", "top", "side"]
    assert found["probability_top"].tolist() == pytest.approx([0.2, 0.1, np.nan], nan_ok=True)
    verdicts = add_verdicts(found, LateFusion(Fusion.MEAN))
    assert verdicts["probability"].tolist() == pytest.approx([0.55, 0.1, 0.6])
    assert verdicts["predicted"].tolist() == ["damaged", "intact", "damaged"]


@pytest.mark.parametrize("kind", Fusion)
def test_every_package_of_every_fold_gets_a_verdict(kind):
    table = packages()
    verdicts = fuse_folds(kind, table)
    keys = ["serial", "split", "fold"]
    pd.testing.assert_frame_equal(verdicts[keys], table[keys])
    assert verdicts["probability"].between(0, 1).all()


def test_no_package_takes_part_in_the_weights_of_its_own_verdict():
    """Whatever a package's label is said to be, its own verdict stays: in test, and in choosing."""
    table = packages()
    for serial in table["serial"].unique()[:6]:
        own = table["serial"] == serial
        lied = table.copy()
        lied.loc[own & (table["split"] == "val"), "probability_top"] = 0.999
        kept, changed = (fuse_folds(Fusion.LOGISTIC, each) for each in (table, lied))
        tested = own & (table["split"] == "test")
        assert kept.loc[tested, "probability"].equals(changed.loc[tested, "probability"])
        assert not kept["probability"].equals(changed["probability"])


def test_validation_verdicts_are_cross_validated():
    """Two packages that contradict all others cannot teach the weights that judge them."""
    table = packages()
    by_all = add_verdicts(
        table[table["split"] == "val"],
        LateFusion.fit(
            Fusion.LOGISTIC,
            *(
                table.loc[table["split"] == "val", f"probability_{camera}"]
                for camera in ("top", "side")
            ),
            table.loc[table["split"] == "val", "label"] == "damaged",
        ),
    )
    held_out = fuse_folds(Fusion.LOGISTIC, table).loc[by_all.index]
    assert not np.isclose(held_out["probability"], by_all["probability"], atol=1e-6).any()


def test_too_few_validation_packages_say_so():
    table = packages()
    first = table[table["serial"].isin(table["serial"].unique()[:3])]
    with pytest.raises(UserError, match="at least 2 validation packages"):
        fuse_folds(Fusion.LOGISTIC, first)
