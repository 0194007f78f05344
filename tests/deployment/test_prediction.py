import numpy as np
import pandas as pd
import pytest

from packsight.decision.late_fusion import Fusion, LateFusion
from packsight.deployment.new_images import name_images, packages_of
from packsight.deployment.prediction import verdicts

A, B = "0000000000017", "0000000000024"


def test_names_give_serial_and_camera(tmp_path):
    names = [f"{A}_TOP.PNG", f"in/{B}_side.jpg", "camera1.png", "other_side.png"]
    table = name_images(tmp_path, [tmp_path / name for name in names], None)
    assert table["serial"].tolist() == [A, B, "camera1.png", "other"]
    assert table["perspective"].tolist() == ["top", "side", "", "side"]
    assert table["path"].tolist() == names


def test_the_given_perspective_is_for_unnamed_images_alone(tmp_path):
    files = [tmp_path / f"{A}_TOP.PNG", tmp_path / "camera1.png"]
    assert name_images(tmp_path, files, "side")["perspective"].tolist() == ["top", "side"]


def table(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["serial", "perspective", "probability", "error"])


MEAN = LateFusion(Fusion.MEAN)


def test_a_verdict_fuses_both_cameras():
    rows = table((A, "top", 0.2, ""), (A, "side", 0.9, ""))
    found = verdicts(rows, MEAN)
    assert found["probability"].tolist() == [pytest.approx(0.55)]
    assert found["predicted"].tolist() == ["damaged"]
    assert found[["probability_top", "probability_side"]].to_numpy().tolist() == [[0.2, 0.9]]
    assert verdicts(rows, LateFusion(Fusion.MAX))["probability"].tolist() == [0.9]


def test_a_package_with_one_usable_image_has_its_verdict_and_a_mark():
    rows = table(
        (A, "top", 0.2, ""), (A, "side", np.nan, "the file is empty"), (B, "side", 0.9, "")
    )
    found = verdicts(rows, MEAN).set_index("serial")
    assert found["cameras"].to_dict() == {A: "top", B: "side"}
    assert found["probability"].to_dict() == {A: 0.2, B: 0.9}
    assert found["predicted"].to_dict() == {A: "intact", B: "damaged"}


def test_without_a_usable_image_there_is_no_verdict():
    rows = table((A, "top", np.nan, "the file is empty"))
    assert verdicts(rows, MEAN).empty
    assert list(verdicts(rows, MEAN).columns) == list(verdicts(table(), MEAN).columns)


def test_pairs_of_bursts_go_by_order_and_the_last_image_stands_again(tmp_path):
    names = [f"{A}_top_1.png", f"{A}_top_2.png", f"{A}_top_3.png", f"{A}_side.png", f"{B}_side.png"]
    table = name_images(tmp_path, [tmp_path / name for name in names], None)
    pairs = packages_of(table)
    assert pairs["serial"].tolist() == [A, A, A, B]
    assert pairs["rows"].tolist() == [
        {"top": 0, "side": 3}, {"top": 1, "side": 3}, {"top": 2, "side": 3}, {"side": 4},
    ]  # fmt: skip
    assert packages_of(table.assign(perspective="")).empty
