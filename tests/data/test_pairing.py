import pandas as pd

from packsight.data.pairing import pair_images


def test_a_package_is_a_row_and_a_missing_image_leaves_its_place_empty():
    table = pd.DataFrame(
        [
            ("1", "side", "damaged", "train", "a/1_side.png", "s1", "auto"),
            ("1", "top", "damaged", "train", "a/1_top.png", "t1", "frame"),
            ("2", "side", "intact", "train", "a/2_side.png", "s2", "auto"),
            ("3", "top", "intact", "train", "a/3_top.png", "t3", "auto"),
        ],
        columns=["serial", "perspective", "label", "split", "path", "sha256", "located"],
    )
    rows = pair_images(table).set_index("serial")
    assert rows["sha256"].to_dict() == {"1": "t1;s1", "2": ";s2", "3": "t3;"}
    assert rows["located"].to_dict() == {"1": "frame;auto", "2": ";auto", "3": "auto;"}
    assert rows.loc["1", "path"] == "a/1_top.png;a/1_side.png"
    assert rows["cameras"].to_dict() == {"1": "top+side", "2": "side", "3": "top"}
    assert set(rows["perspective"]) == {"pair"}
    assert rows["label"].to_dict() == {"1": "damaged", "2": "intact", "3": "intact"}
