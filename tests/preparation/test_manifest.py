from contextlib import suppress

import pandas as pd
import pytest

from packsight.domain import format_boxes, parse_boxes
from packsight.errors import UserError
from packsight.preparation.manifest import COLUMNS, read_manifest, write_manifest


def row(**values: object) -> dict[str, object]:
    given = {"serial": "0000000000017", "perspective": "top", "label": "damaged", "width": 960,
             "height": 540, "split": "train", "fold": pd.NA} | values  # fmt: skip
    return dict.fromkeys(COLUMNS, "") | given


@pytest.mark.parametrize("boxes", [[], [(1, 2, 3, 4)], [(0, 0, 960, 540), (5, 6, 7, 8)]])
def test_boxes_survive_text(boxes):
    assert parse_boxes(format_boxes(boxes)) == boxes


def test_boxes_have_the_documented_form():
    assert format_boxes([(1, 2, 3, 4), (5, 6, 7, 8)]) == "1 2 3 4;5 6 7 8"


def test_manifest_survives_a_file_with_its_types(tmp_path):
    table = pd.DataFrame(
        [
            row(perspective="top", label="damaged", fold=3),
            row(serial="0000000000024", perspective="side", label="NA"),
        ]
    )
    write_manifest(table, tmp_path)
    read = read_manifest(tmp_path)

    assert tuple(read.columns) == (*COLUMNS, "shot", "group")
    assert read["shot"].tolist() == [0, 0]
    assert read["group"].tolist() == ["", ""]
    assert read["serial"].tolist() == ["0000000000017", "0000000000024"]
    assert read["perspective"].tolist() == ["top", "side"]
    assert read["label"].tolist() == ["damaged", "NA"]
    assert read["mask"].tolist() == ["", ""]
    assert read["fold"].dtype == "Int64"
    assert read["fold"].isna().tolist() == [False, True]
    assert read["fold"][0] == 3
    assert read["width"].tolist() == [960, 960]


def test_a_manifest_without_bursts_and_groups_is_the_file_it_always_was(tmp_path):
    table = pd.DataFrame([row(), row(perspective="side")])
    write_manifest(table, tmp_path)
    before = (tmp_path / "manifest.csv").read_bytes()
    write_manifest(read_manifest(tmp_path), tmp_path)
    assert (tmp_path / "manifest.csv").read_bytes() == before
    assert before.splitlines()[0].decode() == ",".join(COLUMNS)


def test_bursts_and_groups_survive_a_file(tmp_path):
    rows = [row(shot=shot, group="NA") for shot in (10, 2, 0)]
    write_manifest(pd.DataFrame(rows), tmp_path)
    read = read_manifest(tmp_path)
    assert read["shot"].tolist() == [0, 2, 10]
    assert set(read["group"]) == {"NA"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"shot": 0}, "has two images of one camera"),
        ({"shot": -1}, "shot is -1"),
        ({"shot": 1, "group": "b"}, "has two labels or groups"),
        ({"serial": "2", "split": "test"}, "a is in two splits"),
        ({"serial": "2", "fold": 3}, "a is in two splits or folds"),
    ],
)
def test_what_no_preparation_writes_of_bursts_and_groups_is_refused(tmp_path, changes, match):
    rows = [row(shot=0, group="a"), row(**{"shot": 0, "group": "a"} | changes)]
    write_manifest(pd.DataFrame(rows), tmp_path)
    with pytest.raises(UserError, match=match):
        read_manifest(tmp_path)


def test_folds_may_all_be_empty(tmp_path):
    write_manifest(pd.DataFrame([row(serial="0000000000017")]), tmp_path)
    assert read_manifest(tmp_path)["fold"].isna().all()


def test_a_folder_without_manifest_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(UserError, match=r"not prepared data.*scripts/prepare\.py data\.source="):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", ["", "serial,label\n1,intact\n", "a,b\n1,2,3,4\n"])
def test_another_table_is_refused(tmp_path, content):
    (tmp_path / "manifest.csv").write_text(content)
    with pytest.raises(UserError, match="not a manifest"):
        read_manifest(tmp_path)


def test_a_width_that_is_no_number_is_refused(tmp_path):
    write_manifest(pd.DataFrame([row(serial="0000000000017", width="wide")]), tmp_path)
    with pytest.raises(UserError, match="wide"):
        read_manifest(tmp_path)


GOOD = row(path="images/a.png", package_box="1 2 3 4", damage_boxes="1 2 3 4;0 0 960 540",
           crop="10 10 20 20", crop_source="auto", upright="15.0 15.0 10.0 9.5 -4.5",
           fold=1)  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("perspective", "above"), ("split", "training"), ("width", "960.5"), ("width", "0"),
        ("height", "-1"), ("height", "9" * 30), ("fold", "1.5"), ("fold", "one"),
        ("package_box", "1 2 3"), ("package_box", "1 2 3 4;5 6 7 8"), ("package_box", "1 2 3 x"),
        ("damage_boxes", "1 2 3 4;9 9 9 9"), ("damage_boxes", "1 2 961 4"),
        ("damage_boxes", "9 2 3 4"), ("damage_boxes", f"1 2 3 {'9' * 5000}"), ("crop", "1.5 2 3 4"),
        ("crop", "-1 2 3 4"), ("upright", "1 2 3 4"), ("upright", "1 2 3 4 nan"),
        ("upright", "1 2 0 4 5"), ("upright", "1 2 3e9 4 5"), ("path", "../a.png"),
        ("path", "/etc/passwd"), ("mask", "masks/../../a.png"),
    ],
)  # fmt: skip
def test_a_value_that_no_preparation_writes_is_refused(tmp_path, column, value):
    write_manifest(pd.DataFrame([GOOD]), tmp_path)
    assert len(read_manifest(tmp_path)) == 1
    write_manifest(pd.DataFrame([GOOD | {column: value}]), tmp_path)
    with pytest.raises(UserError, match=r"manifest\.csv is damaged.*prepare the images again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"perspective": "side", "split": "test"},
        {"perspective": "side", "fold": 2},
        {"perspective": "side", "fold": pd.NA},
        {"perspective": "side", "label": "intact"},
    ],
)
def test_a_package_is_never_parted_nor_twice_there(tmp_path, other):
    write_manifest(pd.DataFrame([GOOD, GOOD | other]), tmp_path)
    with pytest.raises(UserError, match=r"0000000000017 (has two images|is in two splits)"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("count", [200, pytest.param(3000, marks=pytest.mark.mutations)])
def test_damaged_manifests_are_read_or_refused(tmp_path, mutated, count):
    rows = [GOOD | {"serial": f"{number:013d}"} for number in range(6)]
    write_manifest(pd.DataFrame(rows), tmp_path)
    file = tmp_path / "manifest.csv"
    for content in mutated(file.read_bytes(), count, 0):
        file.write_bytes(content)
        with suppress(UserError):
            for found in read_manifest(tmp_path).to_dict("records"):
                for column in ("package_box", "damage_boxes", "crop"):
                    parse_boxes(found[column])
