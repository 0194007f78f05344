import pandas as pd
import pytest

from packsight.domain import format_boxes, parse_boxes
from packsight.errors import UserError
from packsight.preparation.manifest import COLUMNS, read_manifest, write_manifest


def row(**values: object) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys(COLUMNS, "")
    return empty | {"width": 960, "height": 540, "fold": pd.NA} | values


@pytest.mark.parametrize("boxes", [[], [(1, 2, 3, 4)], [(0, 0, 960, 540), (5, 6, 7, 8)]])
def test_boxes_survive_text(boxes):
    assert parse_boxes(format_boxes(boxes)) == boxes


def test_boxes_have_the_documented_form():
    assert format_boxes([(1, 2, 3, 4), (5, 6, 7, 8)]) == "1 2 3 4;5 6 7 8"


def test_manifest_survives_a_file_with_its_types(tmp_path):
    table = pd.DataFrame(
        [
            row(serial="0000000000017", perspective="top", label="damaged", fold=3),
            row(serial="0000000000017", perspective="side", label="NA"),
        ]
    )
    write_manifest(table, tmp_path)
    read = read_manifest(tmp_path)

    assert tuple(read.columns) == COLUMNS
    assert read["serial"].tolist() == ["0000000000017"] * 2
    assert read["perspective"].tolist() == ["side", "top"]
    assert read["label"].tolist() == ["NA", "damaged"]
    assert read["mask"].tolist() == ["", ""]
    assert read["fold"].dtype == "Int64"
    assert read["fold"].isna().tolist() == [True, False]
    assert read["fold"][1] == 3
    assert read["width"].tolist() == [960, 960]


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
