import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.system.tables import read_table

COLUMNS = {"serial": str, "probability": float, "fold": "Int64"}
GOOD = b"serial,probability,fold,note\n0017,0.25,1,x\n0024,,,\n"


def test_a_table_is_read_with_its_types(tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD)
    table = read_table(tmp_path / "a.csv", COLUMNS, COLUMNS)
    assert table["serial"].tolist() == ["0017", "0024"]
    assert table["probability"].isna().tolist() == [False, True]
    assert table["fold"].dtype == "Int64"
    assert "note" in table


BAD = {
    "empty": b"",
    "header alone": GOOD.splitlines(keepends=True)[0],
    "lacks a column": b"serial,probability\n1,2\n",
    "more fields than header": b"serial,probability,fold\n1,2,3,4\n",
    "rows of several lengths": b"serial,probability,fold\n1,2,3\n1,2,3,4\n",
    "text for a number": GOOD.replace(b"0.25", b"high"),
    "half for a whole number": GOOD.replace(b",1,", b",1.5,"),
    "another encoding": GOOD.replace(b"x", "é".encode("latin-1")),
    "an open quote": GOOD.replace(b"0017", b'"0017'),
    "zeros": bytes(200),
    "an image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_another_table_is_refused_with_what_to_do(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_table(tmp_path / "a.csv", COLUMNS, COLUMNS, remedy="score again")
    assert f"{tmp_path / 'a.csv'} is damaged, or not a table (" in str(caught.value)
    assert str(caught.value).endswith("); score again.")


def test_a_table_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read \(.+\); restore it"):
            read_table(path)


def test_no_rows_may_be_allowed(tmp_path):
    (tmp_path / "a.csv").write_bytes(BAD["header alone"])
    assert read_table(tmp_path / "a.csv", COLUMNS, rows=0).empty


def test_mutated_tables_are_read_or_refused(tmp_path, mutated):
    file = tmp_path / "predictions.csv"
    pd.DataFrame({"serial": ["0017"] * 20, "probability": 0.25, "fold": 1}).to_csv(file)
    for content in mutated(file.read_bytes(), 300, 0):
        file.write_bytes(content)
        try:
            table = read_table(file, COLUMNS, COLUMNS)
        except UserError:
            continue
        assert table["probability"].dtype == float
