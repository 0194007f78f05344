"""A decision on tables of packages: what it says of each, and of all together."""

import numpy as np
import pandas as pd
from decisions import BAND

from packsight.evaluation.decided import decide_packages, package_scores, told


def images(**scores: tuple[float, float]) -> pd.DataFrame:
    """Rows of both cameras for packages of these scores, nan where there is no image."""
    rows = [
        {"serial": serial, "perspective": camera, "probability": score, "crop": "auto"}
        for serial, both in scores.items()
        for camera, score in zip(("top", "side"), both, strict=True)
    ]
    return pd.DataFrame(rows)


def test_packages_are_decided_on_by_both_cameras_and_say_why():
    table = images(a=(0.1, 0.2), b=(0.9, 0.8), c=(0.4, 0.5), d=(0.1, np.nan), e=(0.1, 0.1))
    table.loc[table["serial"].eq("e") & table["perspective"].eq("top"), "crop"] = "frame"
    found = decide_packages(package_scores(table, BAND.fusion), BAND).set_index("serial")
    np.testing.assert_allclose(found["probability"], [0.15, 0.85, 0.45, 0.1, 0.1])
    assert found["decision"].tolist() == ["accept", "reject", "inspect", "inspect", "inspect"]
    assert found["reason"].tolist() == ["score"] * 3 + ["missing_camera", "not_located"]
    odds = 0.15 / 0.85 / 9  # of a line where one in ten is damaged
    assert np.isclose(found.loc["a", "calibrated"], odds / (1 + odds))
    assert told(found.reset_index()) == (
        "of 5 packages: 1 accept, 1 reject, 3 inspect: 1 not found in the image, 1 with a camera "
        "missing, 1 in doubt by score"
    )


def test_one_camera_decides_without_a_fusion():
    table = images(a=(0.1, np.nan), b=(0.8, np.nan))
    assert package_scores(table, None)["probability"].tolist() == [0.1, 0.8]


def test_a_pair_has_its_score_already():
    rows = {"serial": ["a", "b"], "perspective": "pair", "probability": [0.2, 0.9]}
    table = pd.DataFrame(rows | {"cameras": ["top+side", "top"], "crop": ["auto+auto", "frame"]})
    found = decide_packages(package_scores(table, None), BAND)
    assert found["decision"].tolist() == ["accept", "inspect"]
    assert found["reason"].tolist() == ["score", "not_located"]
