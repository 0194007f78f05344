import numpy as np
import pandas as pd
import pytest

from packsight.deployment.batch import name_images, verdicts

A, B = "0000000000017", "0000000000024"


def test_names_give_serial_and_camera(tmp_path):
    names = [f"{A}_top.png", f"in/{B}_side.jpg", "camera1.png", "other_side.png"]
    table = name_images(tmp_path, [tmp_path / name for name in names], None)
    assert table["serial"].tolist() == [A, B, "camera1.png", "other_side.png"]
    assert table["perspective"].tolist() == ["top", "side", "", "side"]
    assert table["path"].tolist() == names


def test_the_given_perspective_is_for_unnamed_images_alone(tmp_path):
    files = [tmp_path / f"{A}_top.png", tmp_path / "camera1.png"]
    assert name_images(tmp_path, files, "side")["perspective"].tolist() == ["top", "side"]


def table(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["serial", "perspective", "probability", "error"])


def test_a_verdict_is_the_mean_of_both_cameras():
    found = verdicts(table((A, "top", 0.2, ""), (A, "side", 0.9, ""), (B, "top", 0.1, "")))
    assert found["serial"].tolist() == [A]
    assert found["probability"].tolist() == [pytest.approx(0.55)]
    assert found["predicted"].tolist() == ["damaged"]
    assert found[["probability_top", "probability_side"]].to_numpy().tolist() == [[0.2, 0.9]]


def test_an_image_with_an_error_gives_no_verdict():
    rows = table((A, "top", 0.2, ""), (A, "side", np.nan, "the file is empty"))
    assert verdicts(rows).empty
    assert list(verdicts(rows).columns) == list(verdicts(table()).columns)
