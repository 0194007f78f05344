"""Sources named in any way, from their paths to the same prepared data."""

import os
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from packsight.errors import UserError
from packsight.imaging import belt_fit
from packsight.preparation import regex_time
from packsight.preparation.layout import Candidate, Name, Rejected
from packsight.preparation.layout_imagefolder import ImageFolderLayout
from packsight.preparation.layout_pattern import PathPattern, PatternLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.layout_table import TableLayout
from packsight.preparation.manifest import read_manifest
from packsight.preparation.prepare import prepare, preview
from packsight.preparation.prepared import check_settings, stored_split_settings
from packsight.preparation.reading import Layout
from packsight.preparation.splits import SplitSettings, fold_splits
from packsight.preparation.understanding import understand
from packsight.preparation.vocabulary import Vocabulary
from packsight.system.files import read_json

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FEW = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)


def read(layout: Layout, path: str) -> Candidate | Rejected:
    return layout.reader(Path(), [path]).read(path)


def told(layout: Layout, path: str) -> str | tuple[str, str, str, str]:
    """Label, camera, serial and part of an image; or why it is none."""
    fits = read(layout, path)
    if isinstance(fits, Rejected):
        return fits.reason
    return fits.label, fits.perspective, fits.serial, fits.part


@pytest.mark.parametrize(
    ("word", "label"),
    [("NOK", "damaged"), ("n.i.O.", "damaged"), ("Beschädigt", "damaged"), ("dañado", "damaged"),
     ("com defeito", "damaged"), ("i.O.", "intact"), ("não-danificado", "intact"),
     ("unbeschadigt", "intact"), ("sin_daño", "intact"), ("okay", None), ("", None)],
)  # fmt: skip
def test_labels_are_known_in_four_languages_whatever_case_and_accents(word, label):
    assert Vocabulary().label(word) == label


def test_no_word_means_two_things():
    from packsight.preparation.vocabulary import CAMERA_WORDS, LABEL_WORDS, SPLIT_WORDS, normal

    words = [
        (meaning, normal(word))
        for kind in (LABEL_WORDS, CAMERA_WORDS, SPLIT_WORDS)
        for meaning, some in kind.items()
        for word in some
    ]
    assert len({word for _, word in words}) == len({*words})


def test_words_of_a_source_go_before_ours_and_mean_one_thing():
    words = Vocabulary({"damaged": ["good", "1"], "intact": ["-1"]}, {"top": ["Side"]})
    assert [words.label(word) for word in ("good", "1", "-1")] == ["damaged", "damaged", "intact"]
    assert words.camera("side") == "top"
    with pytest.raises(UserError, match=r"labels says of 'X' that it is .* give each word once"):
        Vocabulary({"damaged": ["X"], "intact": ["x"]})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("2024/Danificado/Lateral/pkg 001_lateral.png", ("damaged", "side", "pkg 001", "")),
        ("val/gut/oben/Größe_7_von_oben.jpg", ("intact", "top", "Größe_7", "val")),
        ("test/a/treino/ok/top/x_top.png", ("intact", "top", "x", "train")),
        ("ok/top/pkg001.png", "name is not <serial>_<perspective>"),
        ("ok/top/pkg001_side.png", "name and folder disagree on the perspective"),
    ],
)
def test_the_standard_layout_takes_any_serial_and_words_that_are_known(path, found):
    assert told(StandardLayout(), path) == found


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("{label}/{perspective}/{serial}_{anything}", "a/b/nok/side/7_x.png",
         ("damaged", "side", "7", "")),
        ("{label}/{serial}_{camera}_{}", "ok/2024_a_top_01.png", ("intact", "top", "2024_a", "")),
        ("{label}/{serial}_{perspective}", "ok/a_von_oben.png", ("intact", "top", "a", "")),
        ("{split}/{label}/{perspective}/{serial}", "test/ok/top/a.png",
         ("intact", "top", "a", "test")),
        ("{label}/{perspective}/{serial}", "val/ok/top/a.png", ("intact", "top", "a", "val")),
        ("{label}/{perspective}/{serial}_{perspective}", "ok/top/a_side.png",
         "path says two things of the perspective"),
        ("{label}/{perspective}/{serial}", "ok/cam7/a.png", "perspective of an unknown word"),
        ("{label}/{perspective}/{serial}", "ok/a.png", "path does not fit the pattern"),
        ("{serial}-{label}.{perspective}", "x/a-b-ok.top.png", ("intact", "top", "a-b", "")),
        (r"(?P<label>[a-z]+)/c(?P<perspective>side|top)(?P<serial>\d+)\.png$", "x/OK/ctop12.png",
         ("intact", "top", "12", "")),
        ("{label}/{perspective}/{serial}", "ok/top/nan.png", "no serial"),
        ("{label}/{serial}_{perspective}_{shot}", "ok/7_top_x.png",
         "path does not fit the pattern"),
    ],
)  # fmt: skip
def test_a_pattern_takes_a_path_apart(pattern, path, found):
    assert told(PatternLayout(pattern), path) == found


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        ("{label}/{perspective}", r"has no \{serial\}"),
        ("{perspective}/{serial}", r"has no \{label\}"),
        ("{label}/{serial}", r"has no \{perspective\}.*layout\.camera=top"),
        ("{label}/{colour}/{serial}", "has the field colour; use label"),
        ("(?P<serial>(", "is no regular expression"),
    ],
)
def test_a_pattern_that_cannot_tell_an_image_is_refused(pattern, match):
    with pytest.raises(UserError, match=match):
        PatternLayout(pattern).reader(Path(), [])


def test_a_pattern_without_a_camera_takes_the_one_that_is_given():
    layout = PatternLayout("{label}/{serial}", "side", labels={"damaged": ["B"], "intact": ["C"]})
    assert told(layout, "x/B/17.png") == ("damaged", "side", "17", "")


def test_every_image_of_an_image_folder_is_a_package():
    layout = ImageFolderLayout("top")
    assert told(layout, "train/good/a/1.png") == ("intact", "top", "train_good_a_1", "train")
    assert told(layout, "train/other/1.png") == "not in a folder of a label"
    with pytest.raises(UserError, match=r"add layout\.camera=top or layout\.camera=side"):
        ImageFolderLayout().reader(Path(), [])


def test_images_without_labels_are_named_as_the_layout_says(tmp_path):
    (tmp_path / "names.csv").write_text("file,serial,camera\na.png,7,oben\n")
    (tmp_path / "a.png").touch()
    paths = ["a.png", "x/side/8.png", "b.png"]
    for layout, names in (
        (PatternLayout("{perspective}/{serial}"), [(None, None), ("8", "side"), (None, None)]),
        (ImageFolderLayout("top"), [(None, "top")] * 3),
        (TableLayout(), [("7", "top"), (None, None), (None, None)]),
    ):
        assert [*map(layout.namer(tmp_path, paths), paths)] == [Name(*name) for name in names]


# Whole sources.


def write_image(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(file)


def images() -> list[tuple[str, str, str, int]]:
    """Label, camera, serial and number of the images of 10 packages."""
    return [
        ("damaged" if package % 2 else "intact", camera, f"pkg{package:03d}", 2 * package + side)
        for package in range(10)
        for side, camera in enumerate(("top", "side"))
    ]


PORTUGUESE = {"damaged": "danificado", "intact": "intacto", "top": "topo", "side": "lateral"}


def as_standard(root: Path, label: str, camera: str, serial: str, number: int) -> str:
    return f"{label}/{camera}/{serial}_{camera}.png"


def as_portuguese(root: Path, label: str, camera: str, serial: str, number: int) -> str:
    return f"fotos/{PORTUGUESE[label]}/{PORTUGUESE[camera]}/{serial}_{PORTUGUESE[camera]}.png"


def as_pattern(root: Path, label: str, camera: str, serial: str, number: int) -> str:
    word, cam = {"damaged": "B", "intact": "A"}[label], {"top": 1, "side": 2}[camera]
    return f"{word}/cam{cam}/{serial}_2024-05-{number:02d}.png"


def as_table(root: Path, label: str, camera: str, serial: str, number: int) -> str:
    table = root / "export.csv"
    if not table.exists():
        table.write_text("Datei;Seriennummer;Kamera;Zustand;Notiz\n", "utf-8-sig")
    words = {"damaged": "n.i.O.", "intact": "i.O.", "top": "oben", "side": "Seite"}
    with table.open("a") as file:
        file.write(f"{number}.png;{serial};{words[camera]};{words[label]};\n")
    return f"bilder/{number}.png"


def as_burst(root: Path, label: str, camera: str, serial: str, number: int) -> str:
    return f"{label}/{serial}/{camera}_frame{number:04d}.png"


FOREIGN: dict[str, tuple[Callable[..., str], Layout]] = {
    "portuguese": (as_portuguese, StandardLayout()),
    "pattern": (
        as_pattern,
        PatternLayout(
            "{label}/{perspective}/{serial}_{anything}",
            labels={"damaged": ["B"], "intact": ["A"]},
            cameras={"top": ["cam1"], "side": ["cam2"]},
        ),
    ),
    "table": (as_table, TableLayout()),
    "burst": (as_burst, PatternLayout("{label}/{serial}/{perspective}_frame{shot}")),
}


def write_source(root: Path, named: Callable[..., str]) -> Path:
    root.mkdir(parents=True)
    for label, camera, serial, number in images():
        write_image(root / named(root, label, camera, serial, number), number)
    return root


@pytest.fixture(autouse=True)
def no_belt(monkeypatch):
    """Learning a belt is most of a preparation's work, and the same whatever images are called."""
    monkeypatch.setattr(belt_fit, "FEWEST", 1000)


@pytest.fixture
def standard(tmp_path) -> pd.DataFrame:
    source = write_source(tmp_path / "standard", as_standard)
    return read_manifest(prepare(source, tmp_path / "out" / "standard", FEW))


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_source_in_any_layout_gives_the_same_data(tmp_path, standard, kind, capsys):
    named, layout = FOREIGN[kind]
    source = write_source(tmp_path / kind, named)
    target = prepare(source, tmp_path / "out" / kind, FEW, layout=layout)
    assert read_manifest(target).equals(standard)
    assert read_json(target / "summary.json")["layout"] == layout.values()
    if kind == "portuguese":
        assert "danificado → damaged" in capsys.readouterr().out
    capsys.readouterr()
    prepare(source, target, FEW, layout=layout)
    assert "prepared already" in capsys.readouterr().out
    with pytest.raises(UserError, match="another source or with other settings"):
        prepare(source, target, FEW, layout=replace(layout, labels={"intact": ["x"]}))


BURST = "{group}/{label}/{perspective}/{serial}_{shot}_{time}"


def write_bursts(root: Path, shots: int = 3) -> Path:
    """10 packages in 5 groups, of each the side camera has so many images and top one fewer."""
    for label, camera, serial, number in images():
        group = f"shift{int(serial[3:]) // 2}"
        for shot in range(shots if camera == "side" else shots - 1):
            name = f"{serial}_{shot + 8}_2024-05-{int(serial[3:]) + 10}.png"
            write_image(root / group / label / camera / name, 100 * number + shot)
    return root


def test_bursts_and_groups_stay_together_from_paths_to_the_manifest(tmp_path, capsys):
    source = write_bursts(tmp_path / "in")
    layout = PatternLayout(BURST)
    preview(source, layout)
    out = " ".join(capsys.readouterr().out.split())
    assert "several images of a camera: 10 packages, up to 3 images" in out
    assert "groups that no split parts: 5, such as shift0, " in out
    target = prepare(source, tmp_path / "out", FEW, layout=layout)
    table = read_manifest(target)
    assert len(table) == 50
    shots = table.groupby(["serial", "perspective"])["shot"].agg(list)
    assert set(map(tuple, shots.xs("side", level=1))) == {(0, 1, 2)}
    assert set(map(tuple, shots.xs("top", level=1))) == {(0, 1)}
    assert table.groupby("group")[["split", "fold"]].nunique().eq(1).all(axis=None)
    assert table.groupby("group")["serial"].nunique().eq(2).all()
    row = table[table["serial"].eq("pkg003") & table["shot"].eq(2)].iloc[0]
    assert row["path"] == "images/damaged/side/pkg003_side_2.png"
    original = source / "shift1" / "damaged" / "side" / "pkg003_10_2024-05-13.png"
    assert (target / row["path"]).read_bytes() == original.read_bytes()
    summary = read_json(target / "summary.json")
    assert summary["bursts"] == {"packages": 10, "most": 3}
    assert (summary["groups"], summary["images"], summary["packages"]) == (5, 50, 10)


def test_a_table_tells_bursts_groups_and_times(tmp_path):
    rows = ["file,package,camera,label,batch,taken_at"]
    for number in range(24):
        write_image(tmp_path / "in" / f"{number}.png", number)
        package = number // 2
        day = f"2024-05-{28 - package:02d} 06:00"
        rows.append(
            f"{number}.png,p{package},top,{('ok', 'nok')[package % 2]},b{package // 2},{day}"
        )
    (tmp_path / "in" / "t.csv").write_text("\n".join(rows))
    random, newest = (
        read_manifest(prepare(tmp_path / "in", tmp_path / how, settings, layout=TableLayout()))
        for how, settings in (("random", FEW), ("by_time", replace(FEW, split="by_time")))
    )
    for table in (random, newest):
        assert table["shot"].tolist() == [0, 1] * 12
        assert table.groupby("group")["split"].nunique().eq(1).all()
    parts = newest.groupby("split")["group"].agg(set)
    assert parts["test"] == {"b0"}
    assert parts["val"] == {"b1"}
    assert newest["fold"].isna().all()
    summary = read_json(tmp_path / "by_time" / "summary.json")
    assert summary["times"]["test"] == ["2024-05-27 06:00:00", "2024-05-28 06:00:00"]


def test_data_divided_by_time_have_no_folds_and_are_no_random_ones(tmp_path, capsys):
    source = write_bursts(tmp_path / "in", 1)
    settings = replace(FEW, split="by_time")
    layout = PatternLayout(BURST)
    target = prepare(write_bursts(source, 2), tmp_path / "out", settings, layout=layout)
    out = " ".join(capsys.readouterr().out.split())
    assert "test 2024-05-18 00:00:00 … 2024-05-19 00:00:00" in out
    assert "no folds: data.split=by_time" in out
    assert stored_split_settings(target) == settings
    with pytest.raises(
        UserError, match=r"data\.fold=0 is no part of this data, of which data\.split"
    ):
        fold_splits(read_manifest(target), 0, settings)
    check_settings(target, settings.values())
    with pytest.raises(UserError, match="prepared with split by_time, not random"):
        check_settings(target, FEW.values())


def test_a_zip_has_no_times_of_files(tmp_path):
    write_bursts(tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as packed:
        packed.writestr("a", "")
    settings = replace(FEW, split="by_file_time")
    with pytest.raises(UserError, match=r"by_file_time needs a folder.*use data\.split=by_time"):
        prepare(tmp_path / "in.zip", tmp_path / "out", settings, layout=PatternLayout(BURST))


def test_a_group_goes_where_the_source_puts_any_of_its_packages(tmp_path, capsys):
    rows = ["file,serial,camera,label,group,split"]
    for number in range(16):
        write_image(tmp_path / "in" / f"{number}.png", number)
        part = "test" if number in (0, 5) else ""
        rows.append(
            f"{number}.png,p{number:02d},top,{('ok', 'nok')[number % 2]},g{number // 2},{part}"
        )
    (tmp_path / "in" / "t.csv").write_text("\n".join(rows))
    table = read_manifest(prepare(tmp_path / "in", tmp_path / "out", FEW, layout=TableLayout()))
    assert "2 packages go with their group" in capsys.readouterr().out
    assert set(table["serial"][table["split"] == "test"]) == {"p00", "p01", "p04", "p05"}
    assert table["fold"].isna().sum() == 4


def test_groups_that_share_a_package_stay_together_and_are_told(tmp_path, capsys):
    rows = ["file,serial,camera,label,group"]
    for number in range(24):
        write_image(tmp_path / "in" / f"{number}.png", number)
        package, camera = number // 2, ("top", "side")[number % 2]
        group = "g0" if number == 5 else f"g{package // 2}"  # one image of g1's
        rows.append(f"{number}.png,p{package:02d},{camera},{('ok', 'nok')[package % 2]},{group}")
    (tmp_path / "in" / "t.csv").write_text("\n".join(rows))
    table = read_manifest(prepare(tmp_path / "in", tmp_path / "out", FEW, layout=TableLayout()))
    assert set(table["serial"][table["group"] == "g0"]) == {"p00", "p01", "p02", "p03"}
    assert table.groupby("group")["split"].nunique().eq(1).all()
    said = " ".join(capsys.readouterr().out.split())
    assert "groups that share packages are one: 1 stand under another's name, such as g1" in said


def test_too_few_groups_are_refused_before_anything_is_written(tmp_path):
    layout = PatternLayout("{group}/{label}/{perspective}/{serial}")
    for label, camera, serial, number in images():
        write_image(
            tmp_path / "in" / f"g{number % 4 // 2}" / label / camera / f"{serial}.png", number
        )
    with pytest.raises(UserError, match=r"no group is parted, and there are too few of them"):
        prepare(tmp_path / "in", tmp_path / "out", FEW, layout=layout)
    assert not (tmp_path / "out").exists()


def test_an_image_folder_is_prepared_with_its_own_splits(tmp_path):
    for number in range(12):
        part = "test" if number >= 10 else "val" if number >= 8 else "train"
        label = "good" if number % 2 else "bad"
        write_image(tmp_path / "in" / part / label / f"{number}.png", number)
    table = read_manifest(
        prepare(tmp_path / "in", tmp_path / "out", FEW, layout=ImageFolderLayout("side"))
    )
    assert set(table["perspective"]) == {"side"}
    parts = table["serial"].str.partition("_")[0]
    assert table["split"].equals(parts.rename("split"))


NASTY = [
    "[red]x",
    "$x^$",
    "a;b",
    '"q", r',
    "ß ü",
    "{x}",
    "-1",
    "=1+1",
    "1e5",
    "#1",
    "a b  c",
    "007",
]


def test_a_serial_is_any_text(tmp_path, capsys):
    rows = ["path,serial,camera,label"]
    for number, serial in enumerate(NASTY):
        write_image(tmp_path / "in" / f"{number}.png", number)
        quoted = serial.replace('"', '""')
        rows.append(f'{number}.png,"{quoted}",top,{("ok", "nok")[number % 2]}')
    (tmp_path / "in" / "t.csv").write_text("\n".join(rows), "utf-8")
    table = read_manifest(prepare(tmp_path / "in", tmp_path / "out", FEW, layout=TableLayout()))
    assert sorted(table["serial"]) == sorted(NASTY)
    assert "[red]x" in capsys.readouterr().out


def test_nothing_is_written_by_a_preview(tmp_path, capsys):
    source = write_source(tmp_path / "in", as_portuguese)
    write_image(source / "sem_nome.png", 99)
    preview(source, StandardLayout())
    out = capsys.readouterr().out
    assert "pkg001" in out
    assert "not in a <label>/<perspective>/" in out
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{label}/{serial}_{perspective}", None),
        ("{label}/{serial}/{perspective}", None),
        ("{label}/a_{serial}_{perspective}", "{label}/{anything}_{serial}_{perspective}"),
        ("x/{perspective}/{label}/{serial}", "{perspective}/{label}/{serial}"),
    ],
)
def test_the_pattern_that_would_fit_is_told_and_can_be_pasted(
    tmp_path, form, pattern, script, capsys
):
    def named(root, label, camera, serial, number):
        return form.format(label=PORTUGUESE[label], serial=serial, perspective=camera) + ".png"

    source = write_source(tmp_path / "in", named)
    with pytest.raises(UserError) as caught:
        preview(source, StandardLayout())
    told = str(caught.value).partition("This would fit: ")[2]
    assert told == f"layout=pattern 'layout.pattern={pattern or form}'"
    arguments = [*shlex.split(told), "data.source=in", "dry_run=true"]
    assert script("prepare", *arguments, cwd=tmp_path) == 0
    assert "pkg005" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_pattern_of_bursts_is_told_where_numbers_stand_behind_the_camera(tmp_path):
    def named(root, label, camera, serial, number):
        return f"{PORTUGUESE[label]}/{serial}_{camera}_{shot}.png"

    for shot in (1, 2):
        for label, camera, serial, number in images():
            write_image(tmp_path / "in" / named(None, label, camera, serial, 0), 2 * number + shot)
    told = (
        r"This would fit: layout=pattern 'layout\.pattern={label}/{serial}_{perspective}_{shot}'$"
    )
    with pytest.raises(UserError, match=told):
        preview(tmp_path / "in", StandardLayout())


def test_other_layouts_than_patterns_are_told_too(tmp_path):
    with pytest.raises(UserError, match=r"This would fit: layout=table$"):
        preview(write_source(tmp_path / "table", as_table), StandardLayout())
    for number in range(4):
        write_image(tmp_path / "folder" / ("ok", "nok")[number % 2] / f"{number}.png", number)
    with pytest.raises(UserError, match=r"layout=imagefolder layout\.camera=<top\|side>$"):
        preview(tmp_path / "folder", StandardLayout())
    with pytest.raises(UserError, match=r"layout\.labels\.damaged=\[…\].*say what 'A', 'B' are"):
        preview(write_source(tmp_path / "own", as_pattern), StandardLayout())


@pytest.mark.real
@pytest.mark.parametrize("kind", FOREIGN)
def test_the_real_images_in_a_foreign_layout_give_the_same_manifest(tmp_path, kind):
    archive = SHARED / "raw-data.zip"
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "raw")
    named, layout = FOREIGN[kind]
    foreign = tmp_path / kind
    foreign.mkdir()
    files = sorted((tmp_path / "raw").rglob("*.jpg"))
    for number, file in enumerate(files):
        label, camera, name = file.relative_to(tmp_path / "raw").parts
        place = foreign / named(foreign, label, camera, name.partition("_")[0], number)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, place.with_suffix(".jpg"))
    if kind == "table":
        table = foreign / "export.csv"
        table.write_text(table.read_text("utf-8").replace(".png", ".jpg"), "utf-8")
    one = {image.serial: image for image in understand(tmp_path / "raw", archive).candidates}
    two = understand(foreign, foreign, layout=layout).candidates
    assert len(two) == len(files) == 360
    assert {(i.label, i.serial) for i in two} == {(i.label, i.serial) for i in one.values()}
    tables = [
        read_manifest(prepare(source, tmp_path / "out" / source.name, layout=how))
        for source, how in ((tmp_path / "raw", StandardLayout()), (foreign, layout))
    ]
    assert len(tables[0]) == 360
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<label>ok)/(?P<perspective>top)/(?P<serial>(\w+)+)!",
        "{label}" + "{anything}a" * 20 + "!",
    ],
)
def test_a_pattern_that_takes_for_ever_is_refused(monkeypatch, pattern):
    monkeypatch.setattr(regex_time, "LIMIT_S", 1.0)
    with pytest.raises(UserError, match="takes longer than 1 s to be compared with 1 paths"):
        PathPattern(pattern, {}).check([f"ok/top/{'a' * 60}.png"])
