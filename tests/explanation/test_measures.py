"""Measures of maps whose answer is known."""

import numpy as np
import pandas as pd
import pytest
import torch

from packsight.explanation.attribution import Scorer, exact
from packsight.explanation.integrated_gradients import IntegratedGradients
from packsight.explanation.measures import (
    bootstrap_interval,
    perturbation_curves,
    perturbation_measures,
    pool_measures,
    share_measures,
)
from packsight.explanation.regions import Regions

HEIGHT, WIDTH = 40, 60


def regions() -> Regions:
    """A package in the middle, damage in its corner: 1/4 and 1/24 of the area."""
    package = np.zeros((HEIGHT, WIDTH), bool)
    package[10:30, 15:45] = True
    damage = np.zeros((HEIGHT, WIDTH), bool)
    damage[10:20, 15:25] = True
    return Regions(package, ~package, damage)


def test_a_uniform_map_scores_its_area():
    found = share_measures(np.full((HEIGHT, WIDTH), 0.2, np.float32), regions())
    for name, area in (("damage", 1 / 24), ("package", 1 / 4), ("belt", 3 / 4)):
        assert found[f"{name}_area"] == pytest.approx(area)
        assert found[f"{name}_share"] == pytest.approx(found[f"{name}_area"])


@pytest.mark.parametrize(("read", "belt", "damage"), [("belt", 1.0, 0.0), ("damage", 0.0, 1.0)])
def test_a_model_that_reads_one_region_is_found_out(reader, read, belt, damage):
    mask = torch.from_numpy(getattr(regions(), read))
    scorer = Scorer(reader(mask))
    image = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    method = IntegratedGradients(["black"], steps=9, max_steps=9, max_batch=8)
    with exact(scorer.device):
        [item] = method.explain(scorer, image, torch.zeros_like(image)[None])
    found = share_measures(item.map.numpy(), regions())
    assert found["belt_share"] == pytest.approx(belt, abs=1e-6)
    assert found["damage_share"] == pytest.approx(damage, abs=1e-6)
    assert found["pointing_hit"] == damage


def test_only_what_speaks_for_damaged_counts():
    values = np.where(regions().package, 1.0, -5.0)
    assert share_measures(values, regions())["package_share"] == 1
    nothing = share_measures(-np.ones((HEIGHT, WIDTH)), regions())
    assert np.isnan(nothing["belt_share"])


def test_what_is_not_known_is_nan():
    found = share_measures(np.ones((HEIGHT, WIDTH)), Regions(None, None, None))
    assert all(np.isnan(value) for value in found.values())


def test_the_score_follows_a_true_map_and_not_a_false_one(reader):
    """The model reads the left third alone; a map of it empties the score at once."""
    mask = torch.zeros(HEIGHT, WIDTH)
    mask[:, :20] = 1
    image = torch.zeros(3, HEIGHT, WIDTH)
    image[:, ::2, ::2] = 1 / 3  # a pattern that blurring takes away
    scorer = Scorer(reader(mask * (image[0] > 0)))
    # The score is 3 with the pattern and 0 without.
    areas = {
        name: perturbation_measures(perturbation_curves(scorer, image, values.numpy(), 8))
        for name, values in (("true", mask), ("false", 1 - mask))
    }
    assert areas["true"]["deletion_auc"] < areas["false"]["deletion_auc"] - 0.1
    assert areas["true"]["insertion_auc"] > areas["false"]["insertion_auc"] + 0.1


def test_curves_begin_and_end_with_the_image_and_the_blurred_one(reader):
    scorer = Scorer(reader(torch.ones(HEIGHT, WIDTH)))
    image = torch.rand(3, HEIGHT, WIDTH)
    curves = perturbation_curves(scorer, image, image[0].numpy(), 5)
    assert curves.deletion[0] == pytest.approx(curves.insertion[-1])
    assert curves.deletion[-1] == pytest.approx(curves.insertion[0])
    own = torch.sigmoid(scorer(image[None])).item()
    assert curves.deletion[0] == pytest.approx(own, abs=1e-6)


def _table(rows) -> pd.DataFrame:
    columns = ["serial", "label", "outcome", "belt_share", "belt_area"]
    table = pd.DataFrame(rows, columns=columns)
    empty = ["damage_share", "package_share", "pointing_hit", "deletion_auc", "insertion_auc",
             "damage_area", "package_area"]  # fmt: skip
    return table.assign(**dict.fromkeys(empty, np.nan))


def test_found_and_missed_are_pooled_separately():
    pooled = pool_measures(
        _table(
            [
                ("1", "damaged", "hit", 0.2, 0.5),
                ("2", "damaged", "hit", 0.4, 0.5),
                ("3", "damaged", "miss", 0.9, 0.7),
                ("4", "intact", "correct pass", 0.7, 0.5),
            ]
        )
    ).set_index("outcome")
    assert pooled["mean"].to_dict() == pytest.approx(
        {"all": 0.55, "damaged": 0.5, "hit": 0.3, "miss": 0.9, "correct pass": 0.7}
    )
    assert pooled.loc["hit", "area"] == 0.5
    assert pooled.loc["hit", "packages"] == 2
    assert np.isnan(pooled.loc["miss", "low"])  # one package


def test_the_interval_draws_packages_not_images():
    values, serials = np.array([0.0, 1.0] * 20), np.array([str(i) for i in range(40)])
    low, high = bootstrap_interval(values, serials)
    assert low < 0.5 < high
    # The same images from four packages, each all or nothing, say much less.
    wide = bootstrap_interval(np.repeat([0.0, 1.0, 0.0, 1.0], 10), np.repeat(list("abcd"), 10))
    assert wide[1] - wide[0] > 2 * (high - low)
    assert bootstrap_interval(values, serials) == (low, high)
