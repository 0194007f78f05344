"""A plant: data, an experiment of two cameras and two folds, its line's file, and new images."""

from pathlib import Path

import pandas as pd
import pytest
from untrained import experiment, packages, prepared


@pytest.fixture(scope="package")
def data(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("plant"))


@pytest.fixture(scope="package")
def plant(data, script) -> Path:
    """A folder with data, an experiment of two cameras and two folds, and its line's file."""
    place = data.parents[2]
    made = experiment(place, data)
    assert script("export", f"run={made}", "output=line.pyz", cwd=place) == 0
    return place


@pytest.fixture(scope="package")
def photos(tmp_path_factory) -> Path:
    """New images; of two packages an image is missing or torn."""
    folder = packages(tmp_path_factory.mktemp("photos"), 8)
    files = sorted(folder.rglob("*.png"))
    files[0].unlink()
    files[3].write_bytes(files[3].read_bytes()[:900])
    return folder


@pytest.fixture(scope="package")
def predicted(plant, photos, script, tmp_path_factory) -> pd.DataFrame:
    """What predict makes of the new images, by serial."""
    output = tmp_path_factory.mktemp("predicted")
    asked = ("run=outputs/line", f"source={photos}", f"output={output}")
    assert script("predict", *asked, cwd=plant) == 0
    table = pd.read_csv(output / "verdicts.csv", dtype={"serial": str})
    return table.set_index("serial")
