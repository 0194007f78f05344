"""What a training's history says of it, on histories with a known answer."""

import numpy as np
import pandas as pd
import pytest

from packsight.reporting.learning import fit_of, fit_sentence, learning_curve
from packsight.reporting.wording import words


def history(train_loss, val_loss, train=0.95, val=0.95, seed=0) -> pd.DataFrame:
    epochs = np.arange(16)
    noise = np.random.default_rng(seed).normal(scale=0.002, size=(2, 16))
    return pd.DataFrame(
        {
            "epoch": epochs,
            "train/loss": np.vectorize(train_loss)(epochs) + noise[0],
            "val/loss": np.vectorize(val_loss)(epochs) + noise[1],
            "train/accuracy": train,
            "val/accuracy": val,
        }
    )


@pytest.mark.parametrize(
    ("train_loss", "val_loss", "train", "said"),
    [
        (lambda e: 1 / (1 + e), lambda e: 0.2 + 0.03 * e, 1.0, "fewer epochs"),
        (lambda e: 1 - 0.05 * e, lambda e: 1 - 0.04 * e, 0.8, "more epochs"),
        (lambda e: 0.1, lambda e: 0.4, 1.0, "more packages"),
        (lambda e: 0.3, lambda e: 0.3, 0.95, "neither more epochs nor more regularisation"),
    ],
)
def test_the_advice_fits_the_history(train_loss, val_loss, train, said):
    folds = [history(train_loss, val_loss, train, min(train, 0.9), seed) for seed in range(3)]
    if said.startswith("neither"):
        folds = [fold.assign(**{"val/accuracy": train}) for fold in folds]
    fit = fit_of(folds, [15, 15, 15])
    assert said in fit_sentence(fit, "side", "net")
    assert fit_sentence(fit, "side", "net", words("pt")) != fit_sentence(fit, "side", "net")


def test_the_numbers_are_those_of_the_chosen_epochs():
    one, other = history(lambda e: 0.1, lambda e: 0.4), history(lambda e: 0.1, lambda e: 0.4)
    one.loc[3, ["train/accuracy", "val/accuracy"]] = [1.0, 0.8]
    other.loc[7, ["train/accuracy", "val/accuracy"]] = [0.9, 0.8]
    fit = fit_of([one, other], [3, 7])
    assert (fit.train, fit.val) == (pytest.approx(0.95), pytest.approx(0.8))
    assert fit.gap == pytest.approx(0.15)
    assert fit.spread == pytest.approx(np.std([0.2, 0.1], ddof=1) / np.sqrt(2))


def test_what_was_not_measured_is_not_judged():
    assert fit_of([], []) is None
    assert fit_of([history(lambda e: 1, lambda e: 1).head(3)], [2]) is None
    assert fit_of([history(lambda e: 1, lambda e: 1).drop(columns="val/loss")], [2]) is None


def curve(values: list[float]) -> pd.DataFrame:
    rows = pd.DataFrame({"share": [0.25, 0.5, 0.75, np.nan], "monitor_value": values})
    return rows.assign(
        data="photos", test="folds", monitor="val/loss", monitor_mode="min", perspective="side",
        fusion="", backbone="net", precision="fp32", recipe="few_images", crop="auto",
    )  # fmt: skip


def test_a_curve_that_still_falls_asks_for_packages_and_a_flat_one_does_not():
    [falling] = learning_curve(curve([0.6, 0.5, 0.4, 0.3]))
    assert "0.300 from 100%" in falling
    assert "more of them would." in falling
    [flat] = learning_curve(curve([0.6, 0.4, 0.301, 0.3]))
    assert "change little" in flat
    assert learning_curve(curve([0.6, 0.5, 0.4, 0.3]).tail(2)) == []
