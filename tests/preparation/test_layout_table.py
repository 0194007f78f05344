"""What a table says of images, whoever wrote it and however it was damaged."""

from pathlib import Path

import pandas as pd
import pytest

from packsight.errors import UserError
from packsight.preparation import table_file, table_size
from packsight.preparation.bursts import shots_of
from packsight.preparation.layout import Candidate
from packsight.preparation.layout_table import TableLayout, parse_boxes
from packsight.preparation.times import parse_time
from packsight.preparation.understanding import Understood, understand
from packsight.preparation.units import joined_groups

HEAD = "path,serial,camera,label,split,box\n"
FILES = ("a.png", "in/b.png", "in/c.png", "x/c.png", "d.png")


@pytest.fixture
def source(tmp_path) -> Path:
    for name in FILES:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


def look(source: Path, content: str | bytes, name: str = "t.csv", **settings) -> Understood:
    raw = content.encode() if isinstance(content, str) else content
    (source / name).write_bytes(raw)
    return understand(source, source, layout=TableLayout(**settings))


def reasons(found: Understood) -> dict[str, str]:
    return {item.path: item.reason for item in found.rejected}


def test_a_row_says_what_its_image_is(source):
    rows = "a.png,007,top,nok,test,1 2 30 40;5 6 7 8\nb.png,x y,side,ok,,\n"
    found = look(source, HEAD + rows)
    assert found.candidates == [
        Candidate("a.png", "007", "top", "damaged", "test", ((1, 2, 30, 40), (5, 6, 7, 8))),
        Candidate("in/b.png", "x y", "side", "intact", ""),
    ]
    assert reasons(found) == dict.fromkeys(("d.png", "in/c.png", "x/c.png"), "not in the table")
    assert "path in 'path', serial in 'serial', perspective in 'camera'" in found.reader.told


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("c.png,1,top,ok,,", "path of a row fits several files"),
        ("e.png,1,top,ok,,", "in the table, but not in the source"),
        ("../a.png,1,top,ok,,", "path of a row leads out of the source"),
        ("/etc/passwd,1,top,ok,,", "path of a row leads out of the source"),
        ("C:\\pictures\\d.png,1,top,ok,,", "path of a row leads out of the source"),
        (",1,top,ok,,", "row without a path"),
        ("d.png,1,top,ok,,,,,", "row that cannot be read"),
        ("d.png,,top,ok,,", "no serial"),
        ("d.png,a/b,top,ok,,", "serial with a separator of paths, a sign that cannot be printed or "
         "a blank end"),
        ("d.png,1,top,maybe,,", "label of an unknown word"),
        ("d.png,1,roof,ok,,", "perspective of an unknown word"),
        ("d.png,1,top,ok,third,", "split of an unknown word"),
        ("d.png,1,top,ok,,1 2 3", "box that is not xmin ymin xmax ymax"),
        ("a.png,2,top,ok,,", "rows of one image disagree"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_told_and_the_rest_is_used(source, row, reason):
    found = look(source, f"{HEAD}a.png,7,top,nok,,\nin/b.png,8,side,ok,,\n{row}\n\n")
    assert reason in reasons(found).values()
    kept = ["in/b.png"] if row.startswith("a.png") else ["a.png", "in/b.png"]
    assert [item.path for item in found.candidates] == kept


def test_groups_and_times_are_columns_that_may_be_missing(source):
    head = "file,serial,camera,label,Charge,timestamp,shift\n"
    rows = "a.png,1,top,ok, B 7\t ,2024-05-17,early\nd.png,1,top,ok,,,late\n"
    first, second = look(source, head + rows).candidates
    assert (first.group, first.time) == ("B 7", "2024-05-17")
    assert (second.group, second.time) == ("", "")
    first, second = look(source, head + rows, columns={"group": "shift"}).candidates
    assert (first.group, second.group) == ("early", "late")


def test_a_path_from_the_root_is_taken_if_it_lies_in_the_source(source):
    found = look(source, f"{HEAD}{source / 'a.png'},1,top,ok,,\n.\\in\\b.png,2,top,ok,,\n")
    assert [item.path for item in found.candidates] == ["a.png", "in/b.png"]


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_separators_byte_order_marks_and_other_languages_are_read(source, name, separator):
    head = separator.join(("Câmera", "ARQUIVO", "rótulo", "Número de série"))
    row = separator.join(("topo", "a.png", "danificado", "0001"))
    [image] = look(source, f"\ufeff{head}\r\n{row}\r\n", name).candidates
    assert (image.serial, image.label, image.perspective) == ("0001", "damaged", "top")


def test_columns_can_be_named(source):
    content = "label,path,file,n,cam\nx,a.png,d.png,1,top\n"
    columns = {"path": "file", "serial": "n"}
    [image] = look(source, content, columns=columns, labels={"damaged": ["x"]}).candidates
    assert (image.path, image.serial) == ("d.png", "1")
    with pytest.raises(UserError, match=r"t\.csv has no column 'nr', but 'label', .*columns\.ser"):
        look(source, content, columns={"serial": "nr"})
    with pytest.raises(UserError, match=r"has no column for the serial, but 'label'"):
        look(source, content)


def test_the_table_is_found_or_told(source, tmp_path):
    with pytest.raises(UserError, match=r"looks for one table.*found none"):
        understand(source, source, layout=TableLayout())
    (source / "u.csv").write_text("x")
    with pytest.raises(UserError, match=r"found 2: t\.csv, u\.csv"):
        look(source, HEAD)
    assert len(look(source, HEAD + "a.png,1,top,ok,,", table="t.csv").candidates) == 1
    with pytest.raises(UserError, match=r"layout\.table=v\.csv is no file here"):
        look(source, HEAD, table="v.csv")


def test_a_table_outside_the_source_is_part_of_what_the_data_are_made_from(source, tmp_path):
    outside = tmp_path / "export.csv"
    outside.write_text(HEAD + "a.png,1,top,ok,,\n")
    layout = TableLayout(str(outside))
    assert len(understand(source, source, layout=layout).candidates) == 1
    before = layout.traced()
    outside.write_text(HEAD + "a.png,1,top,nok,,\n")
    assert layout.traced() != before
    assert layout.values()["table"] == "export.csv"


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_parquet_and_excel_are_read_as_csv_is(source, kind):
    pytest.importorskip(table_file.ENGINES[f".{kind}"])
    table = pd.DataFrame(
        {"path": ["a.png", "d.png"], "serial": [7.0, None], "camera": ["top", "side"],
         "label": ["ok", "nok"]}
    )  # fmt: skip
    write = table.to_parquet if kind == "parquet" else table.to_excel
    write(source / f"t.{kind}", index=False)
    found = understand(source, source, layout=TableLayout())
    assert [(item.path, item.serial) for item in found.candidates] == [("a.png", "7")]
    assert reasons(found)["d.png"] == "no serial"
    (source / f"t.{kind}").write_bytes(b"PK\3\4 no table")
    with pytest.raises(UserError, match="cannot be read as a table"):
        understand(source, source, layout=TableLayout())


@pytest.mark.parametrize(("kind", "engine"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_what_reads_a_table_is_asked_for_where_it_is_missing(source, monkeypatch, kind, engine):
    monkeypatch.setattr(table_file, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"needs {engine}.*pip install 'packsight\[tables\]'"):
        look(source, b"PAR1", f"t.{kind}")


def test_boxes_are_four_numbers():
    assert parse_boxes("1 2 3.6 4; [5, 6, 7, 8] ;") == ((1, 2, 4, 4), (5, 6, 7, 8))
    assert parse_boxes("") == ()
    for text in ("1 2 3", "a b c d", "1 2 3 1e9", f"1 2 3 {'9' * 40}"):
        assert parse_boxes(text) is None


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.mutations)])
def test_damaged_tables_are_used_as_far_as_they_go(source, mutated, count):
    """Each image that is understood is one of the source; else the table is refused."""
    rows = [
        f'{name},"s{n % 2}",top,ok,,1 2 30 40,b{n},2024-05-17 08:1{n}\n'
        for n, name in enumerate(FILES)
    ]
    used = 0
    head = HEAD.replace("box", "box,batch,time")
    for content in mutated((head + "".join(rows) * 3).encode(), count, 5):
        try:
            found = look(source, content)
        except UserError:
            continue
        used += 1
        assert {item.path for item in found.candidates} <= {*FILES}
        shots_of(found.candidates)
        joined_groups((item.serial, item.group) for item in found.candidates)
        for item in found.candidates:
            parse_time(item.time)
    assert used > count / 3


@pytest.mark.parametrize("kind", ["t.csv", "t.xlsx"])
def test_a_table_that_would_fill_the_memory_is_refused_unread(source, monkeypatch, kind):
    monkeypatch.setattr(table_size, "LARGEST", 100_000)
    content = HEAD + "a.png,007,top,nok,,\n" * 10_000
    if kind == "t.xlsx":
        pytest.importorskip("openpyxl")
        rows = pd.DataFrame([line.split(",") for line in content.splitlines()])
        rows.to_excel(source / kind, index=False, header=False)
        content = (source / kind).read_bytes()
        assert len(content) < 500_000
    with pytest.raises(UserError, match=r"MB of table, and at most 0 MB .*export the columns"):
        look(source, content, kind)
