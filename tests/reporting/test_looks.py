"""Pictures of maps in the page: without words in them, over captions in its language."""

import base64
import shutil
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from reported import report, write_experiment

from packsight.reporting.leaderboard import collect
from packsight.reporting.looks import run_looks, shared_looks
from packsight.reporting.wording import words


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return write_experiment(tmp_path_factory.mktemp("outputs") / "looks")


def pixels(look) -> np.ndarray:
    content = base64.b64decode(look.picture.partition(",")[2])
    return np.asarray(Image.open(BytesIO(content)))


def test_a_run_shows_what_it_saw_its_map_and_the_signed_one(experiment):
    folder = experiment / "sample/good/top/fp32/split_seed0/explanations"
    hit, passed = run_looks(folder, words("en"))
    assert hit.caption == (
        "test000000000, top: hit, damaged, p(damaged) = 0.90; full colour 0.52 logits a spot"
    )
    assert passed.caption.endswith("0.10; full colour 0.52 logits a spot, faded to 20%")
    shown = pixels(hit)
    assert shown.shape == (64, 3 * 96, 3)  # without the bar below an overlay
    assert [int(shown[32, x, 0]) // 10 for x in (48, 144, 240)] == [10, 15, 20]
    [_, passed] = run_looks(folder, words("pt"))
    assert passed.caption == (
        "test000000001, de cima: aceito com razão, intacto, p(danificado) = 0,10; cor plena 0,52 "
        "logits por mancha, esbatida a 20%"
    )


def test_the_same_packages_stand_side_by_side(experiment):
    found = shared_looks(experiment, collect(experiment), words("pt"))
    assert [*found] == ["side", "top"]
    (image, looks), *_ = found["top"]
    assert image == "test000000000_top"
    seen, *maps = looks
    assert seen.caption == "o que os modelos viram"
    assert {look.caption.split(",")[0] for look in maps} == {"good", "guessing"}
    assert all(look.caption.endswith("cor plena 0,52 logits por mancha") for look in maps)
    assert pixels(maps[0]).shape == (64, 96, 3)


def test_what_an_older_version_explained_is_shown_as_it_is(experiment, tmp_path):
    older = shutil.copytree(experiment, tmp_path / "older")
    for place in [*older.rglob("seen")]:
        shutil.rmtree(place)
    assert shared_looks(older, collect(older), words("en")) == {}
    assert run_looks(older / "sample/good/top/fp32/split_seed0/explanations", words("en")) == []
    source = report(older).read_text(encoding="utf-8")
    assert 'alt="Attributions of good' in source
    assert "<figure" not in source
    assert "<figure" in report(experiment).read_text(encoding="utf-8")
