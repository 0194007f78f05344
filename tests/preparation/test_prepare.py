import errno
import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from packsight.errors import UserError
from packsight.imaging import belt_fit
from packsight.preparation import fingerprint
from packsight.preparation import prepare as preparation
from packsight.preparation.layout_imagefolder import ImageFolderLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.manifest import COLUMNS, read_manifest, write_manifest
from packsight.preparation.prepared import check_settings, is_prepared, load_data
from packsight.preparation.request import DataRequest
from packsight.preparation.splits import SplitSettings
from packsight.system.files import read_json, sha256

LIMIT = 10**9
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def prepare(source: Path, target: Path, **changes: object) -> Path:
    """With three folds, unless told otherwise."""
    limits = {name: changes.pop(name) for name in ("max_unpacked_gb", "overwrite") & changes.keys()}
    settings = SplitSettings(**({"folds": 3} | changes))
    return preparation.prepare(source, target, settings, **limits)


def write_source(root: Path, packages: int = 5, prefix: str = "", start: int = 0) -> Path:
    """`packages` of each label with both perspectives, a box each and a mask each."""
    for index in range(2 * packages):
        label = "damaged" if index % 2 else "intact"
        for view in ("top", "side"):
            name = f"{label}/{view}/{start + index:013d}_{view}"
            rng = np.random.default_rng([start, index, view == "top"])
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            for path in (root / prefix / name, root / prefix / "masks" / name):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(root / prefix / f"{name}.png")
            mask = np.full((48, 64), 255, np.uint8)
            Image.fromarray(mask).save(root / prefix / "masks" / f"{name}.png")
            (root / prefix / f"{name}.xml").write_text(
                "<annotation><object><name>damage</name><bndbox><xmin>1</xmin><ymin>2</ymin>"
                "<xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
            )
    return root


def zipped(root: Path, archive: Path, reverse: bool = False) -> Path:
    files = sorted((path for path in root.rglob("*") if path.is_file()), reverse=reverse)
    with zipfile.ZipFile(archive, "w") as packed:
        for path in files:
            packed.write(path, path.relative_to(root))
    return archive


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(autouse=True)
def no_belt(request, monkeypatch):
    """Learning a belt, of noise at that, is most of a preparation's work: one test has it done."""
    if request.function is not test_prepared_data_is_complete_and_true_to_the_source:
        monkeypatch.setattr(belt_fit, "FEWEST", 1000)


@pytest.fixture
def source(tmp_path):
    return write_source(tmp_path / "source")


@pytest.fixture
def target(tmp_path):
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs" / "photos"


def assert_refused(source: Path, target: Path, match: str, **changes: object) -> None:
    before = files_of(target.parent)
    with pytest.raises(UserError, match=match):
        prepare(source, target, **changes)
    assert files_of(target.parent) == before
    names = {target.name, f"{target.name}.zip", f".{target.name}.source.json"}
    assert {path.name for path in target.parent.iterdir()} <= names


def test_prepared_data_is_complete_and_true_to_the_source(source, target):
    assert prepare(source, target) == target
    table = read_manifest(target)

    assert len(table) == 20
    assert table["serial"].is_monotonic_increasing
    for row in table.itertuples():
        assert (target / row.path).read_bytes() == (
            source / row.path.removeprefix("images/")
        ).read_bytes()
        assert sha256(target / row.path) == row.sha256
        assert row.path.startswith(f"images/{row.label}/{row.perspective}/{row.serial}_")
        with Image.open(target / row.mask) as mask:
            assert mask.getextrema() == (255, 255)
    damaged = table["label"] == "damaged"
    assert set(table["damage_boxes"][damaged]) == set(table["package_box"][~damaged])
    assert set(table["damage_boxes"]) == {"", "1 2 30 40"}
    # Noise has no belt to tell a package from: the whole frames stand, and are counted.
    assert set(table["crop"]) == {"0 0 64 48"}
    assert set(table["crop_source"]) == {"frame"}
    summary = read_json(target / "summary.json")
    assert [len(serials) for serials in summary["not_located"].values()] == [10, 10]
    assert (target / "rejected.csv").read_text() == "path,reason\n"
    with Image.open(target / "contact_sheet.png") as sheet:
        assert sheet.width > 1000


def test_no_package_is_parted_by_splits_or_folds(source, target):
    prepare(source, target)
    by_serial = read_manifest(target).groupby("serial")
    assert (by_serial["split"].nunique() == 1).all()
    assert (by_serial["fold"].nunique() == 1).all()
    assert by_serial["split"].first().value_counts().to_dict() == {"train": 6, "val": 2, "test": 2}
    assert sorted(by_serial["fold"].first().value_counts()) == [3, 3, 4]


def rejected(target: Path) -> dict[str, str]:
    table = pd.read_csv(target / "rejected.csv")
    return dict(zip(table["path"], table["reason"], strict=True))


def test_what_cannot_be_used_has_its_row_and_the_rest_is_prepared(source, target, monkeypatch):
    cut, closed = sorted((source / "damaged/top").glob("*.png"))[:2]
    cut.write_bytes(cut.read_bytes()[:-16])
    (source / "lost").symlink_to(source / "absent")
    (source / "intact" / "again").symlink_to(source)
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("packsight.preparation.fingerprint.sha256", digest)
    prepare(source, target)
    assert len(read_manifest(target)) == 18
    assert rejected(target) == {
        cut.relative_to(
            source
        ).as_posix(): "unusable image: not a readable image (the file is cut)",
        closed.relative_to(source).as_posix(): "unusable image: the file cannot be opened "
        "(Permission denied)",
        "lost": "broken link",
        "intact/again": "link to a folder that it lies in",
    }


def test_a_linked_source_is_prepared_as_the_files_would_be(source, target, tmp_path):
    for label in ("damaged", "intact"):
        (tmp_path / "linked" / label).mkdir(parents=True)
        for view in ("top", "side"):
            (tmp_path / "linked" / label / view).symlink_to(source / label / view)
    (tmp_path / "linked" / "masks").symlink_to(source / "masks")
    prepare(source, target)
    prepare(tmp_path / "linked", target.with_name("linked"))
    assert read_manifest(target).equals(read_manifest(target.with_name("linked")))


def test_a_target_that_cannot_be_made_is_told(source, target, monkeypatch):
    file = source.parent / "file"
    file.touch()
    with pytest.raises(UserError, match="file is a file, not a folder; move that away"):
        prepare(source, file / "photos")

    write = Path.write_bytes

    def full(file: Path, content: bytes) -> int:
        if file.is_relative_to(target.parent):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert_refused(source, target, r"photos cannot be written: the disk is full")


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (Path.unlink, r"\.png went away while it was prepared \(No such file"),
        (lambda file: file.write_bytes(b"other"), r"\.png changed while it was prepared"),
    ],
)
def test_a_file_that_changes_between_check_and_copy_is_told(
    source, target, monkeypatch, happens, told
):
    table = preparation._table

    def late(images, settings):
        happens(images[0].file)
        return table(images, settings)

    monkeypatch.setattr(preparation, "_table", late)
    with pytest.raises(UserError, match=told):
        prepare(source, target)
    assert not target.exists()


def test_data_that_cannot_be_replaced_stay(source, target, monkeypatch):
    prepare(source, target)
    before = files_of(target)
    rename = Path.rename

    def refuse(path: Path, other: Path) -> Path:
        if other == target and not path.name.endswith(".old"):
            raise OSError(errno.EACCES, "Permission denied", str(path))
        return rename(path, other)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UserError, match="no permission"):
        prepare(source, target, split_seed=1, overwrite=True)
    monkeypatch.undo()
    assert files_of(target) == before


def test_the_archive_holds_the_folder(source, target, tmp_path):
    prepare(source, target)
    with zipfile.ZipFile(tmp_path / "outputs" / "photos.zip") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content == files_of(target)


def test_folder_and_zip_in_any_order_give_the_same_bytes(source, target, tmp_path):
    prepare(source, target)
    archive = zipped(source, tmp_path / "source.zip", reverse=True)
    prepare(archive, tmp_path / "outputs" / "again")
    one, two = files_of(target), files_of(tmp_path / "outputs" / "again")
    ignored = {"summary.json"}  # it names the source
    assert {name: one[name] for name in one.keys() - ignored} == {
        name: two[name] for name in two.keys() - ignored
    }


def test_summary_counts_what_was_found(source, target):
    shutil.copy(source / "damaged/top/0000000000001_top.png", source / "odd.png")
    shutil.copy(
        source / "damaged/top/0000000000001_top.png", source / "damaged/top/0000000000055_top.png"
    )
    (source / "intact/side/0000000000002_side.png").unlink()
    (source / "intact/side/0000000000002_side.xml").unlink()
    (source / "masks/intact/side/0000000000002_side.png").unlink()
    shutil.copytree(source / "intact/top", source / "more/damaged/top", ignore=only("008_top.png"))
    prepare(source, target)
    summary = json.loads((target / "summary.json").read_text())

    assert summary["images"] == 17
    assert summary["packages"] == 9
    counts = {label: {} for label in ("intact", "damaged")}
    for label, views in summary["counts"].items():
        counts[label] = {view: sum(splits.values()) for view, splits in views.items()}
    assert counts == {"intact": {"top": 4, "side": 3}, "damaged": {"top": 5, "side": 5}}
    assert summary["sizes"] == {"64x48": 17}
    assert summary["packages_lacking"] == {"top": [], "side": ["0000000000002"]}
    assert summary["duplicates"] == 1
    assert summary["near_duplicates"] == {"count": 0, "pairs": []}
    assert summary["serials_with_two_labels"] == ["0000000000008"]
    assert summary["rejected"] == {
        "serial with two labels": 3,
        "identical content": 1,
        "not in a <label>/<perspective>/ folder": 1,
    }
    assert summary["labels"] == ["intact", "damaged"]
    assert summary["split_seed"] == 0
    assert summary["folds"] == 3
    rejected = pd.read_csv(target / "rejected.csv")
    assert rejected["path"].tolist() == sorted(rejected["path"])
    assert len(rejected) == 5
    assert (
        "odd.png,not in a <label>/<perspective>/ folder\n" in (target / "rejected.csv").read_text()
    )


def test_one_picture_under_several_serials_is_told(source, target, capsys):
    picture = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for number, file in enumerate(sorted((source / "damaged" / "side").glob("*.png"))):
        picture[0, number] = 0  # so that no two are the same file
        Image.fromarray(picture).save(file)
    prepare(source, target)
    found = read_json(target / "summary.json")["near_duplicates"]
    assert found["count"] == len(found["pairs"]) > 0
    for pair in found["pairs"]:
        assert all("damaged/side" in path for path in pair["images"])
        assert pair["splits"][0] != pair["splits"][1] or pair["folds"][0] != pair["folds"][1]
    told = " ".join(capsys.readouterr().out.split())
    assert f"near-duplicates across splits or folds: {found['count']}, such as" in told


def only(ending: str):
    return lambda _, names: [name for name in names if not name.endswith(ending)]


def test_the_source_test_part_is_kept(tmp_path, target):
    source = write_source(tmp_path / "source", 4, "training")
    write_source(source, 2, "test", start=100)
    prepare(source, target)
    table = read_manifest(target)
    held_out = table["serial"] >= "0000000000100"
    assert table["split"].eq("test").equals(held_out)
    assert table["fold"].isna().equals(held_out)


def test_a_package_with_one_image_in_the_test_part_is_tested_altogether(tmp_path, target):
    source = write_source(tmp_path / "source", 4, "all/training")
    write_source(source, 2, "test", start=100)
    name = "damaged/top/0000000000001_top.png"
    (source / "all" / "training" / name).rename(source / "test" / name)
    prepare(source, target)
    table = read_manifest(target)
    assert table["split"][table["serial"] == "0000000000001"].tolist() == ["test", "test"]


def test_a_training_part_alone_is_split_in_three(tmp_path, target):
    prepare(write_source(tmp_path / "source", 3, "training"), target)
    assert set(read_manifest(target)["split"]) == {"train", "val", "test"}


def test_more_folds_than_packages_leave_the_folds_empty_and_say_so(source, target, capsys):
    prepare(source, target, folds=6)
    assert read_manifest(target)["fold"].isna().all()
    assert (pd.read_csv(target / "manifest.csv")["fold"].isna()).all()
    assert "data.folds=6" in capsys.readouterr().out


def test_the_same_source_and_settings_are_not_prepared_again(source, target, tmp_path, capsys):
    prepare(source, target)
    marker = target / "images" / "marker"
    marker.touch()
    prepare(zipped(source, tmp_path / "source.zip"), target)
    assert marker.exists()
    assert "prepared already" in capsys.readouterr().out


def test_a_lost_archive_is_packed_again(source, target):
    prepare(source, target)
    archive = target.with_name("photos.zip")
    content = archive.read_bytes()
    archive.unlink()
    prepare(source, target)
    assert archive.read_bytes() == content


@pytest.mark.parametrize("changes", [{"split_seed": 1}, {"folds": 4}])
def test_other_settings_do_not_replace_prepared_data(source, target, changes):
    prepare(source, target)
    assert_refused(source, target, r"data\.name.*data\.overwrite=true", **changes)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "photos"}'])
def test_a_damaged_summary_is_named_and_can_be_made_anew(source, target, content):
    prepare(source, target)
    whole = (target / "summary.json").read_bytes()
    (target / "summary.json").write_text(content)
    assert_refused(source, target, r"summary\.json is damaged.*data\.overwrite=true")
    with pytest.raises(UserError, match=r"summary\.json is damaged.*prepare the images again"):
        check_settings(target, SplitSettings(folds=3).values())
    prepare(source, target, overwrite=True)
    assert (target / "summary.json").read_bytes() == whole
    check_settings(target, SplitSettings(folds=3).values())


def test_another_source_does_not_replace_prepared_data_unless_told(source, target):
    prepare(source, target)
    name = "damaged/top/0000000000001_top.png"
    Image.new("RGB", (64, 48)).save(source / name)
    assert_refused(source, target, r"photos was prepared from another source")
    prepare(source, target, overwrite=True)
    assert (target / "images" / name).read_bytes() == (source / name).read_bytes()
    assert_refused(source / "damaged", target, "no image that fits", overwrite=True)


def test_a_folder_that_is_not_prepared_data_is_never_replaced(source, target):
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    assert_refused(source, target, "exists and is not prepared data", overwrite=True)


def test_prepared_data_is_no_source(source, target, tmp_path):
    prepare(source, target)
    again = tmp_path / "again" / "photos"
    again.parent.mkdir()
    assert_refused(target.with_name("photos.zip"), again, "prepared data already")


@pytest.mark.parametrize("kind", ["absent", "empty", "text", "traversal", "layout", "few", "big"])
def test_a_refusal_writes_nothing(tmp_path, target, kind):
    source = tmp_path / "source"
    match = {
        "absent": "does not exist",
        "empty": "is empty",
        "text": "not a zip",
        "traversal": r"'\.\./evil' leads out",
        "layout": r"found: 1 × \.txt",
        "few": "2 intact packages and 2 damaged packages",
        "big": r"data\.max_unpacked_gb",
    }[kind]
    if kind == "empty":
        source.mkdir()
    elif kind == "text":
        source.write_text("no zip")
    elif kind == "traversal":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("../evil", "")
    elif kind == "layout":
        source.mkdir()
        (source / "list.txt").touch()
    elif kind == "few":
        write_source(source, 2)
    elif kind == "big":
        source = zipped(write_source(tmp_path / "files", 3), tmp_path / "source.zip")
    assert_refused(source, target, match, max_unpacked_gb=1e-6 if kind == "big" else 1)
    assert not (tmp_path / "evil").exists()


def test_a_crash_leaves_the_old_data(source, target, monkeypatch):
    prepare(source, target)
    before = files_of(target.parent)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("packsight.preparation.prepare.manifest.write_manifest", crash)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, target, split_seed=1, overwrite=True)
    assert files_of(target.parent) == before


def test_load_data_reads_folder_and_archive(source, target, tmp_path):
    prepare(source, target)
    archive = target.with_name("photos.zip")
    root, table = load_data(target, LIMIT, tmp_path / "cache")
    assert root == target
    unpacked, same = load_data(str(archive), LIMIT, tmp_path / "cache")
    assert same.equals(table)
    assert unpacked == tmp_path / "cache" / sha256(archive)[:16]
    assert files_of(unpacked) == files_of(target)


def test_an_archive_is_unpacked_once(source, target, tmp_path):
    prepare(source, target)
    archive = target.with_name("photos.zip")
    root, _ = load_data(archive, LIMIT, tmp_path / "cache")
    (root / "marker").touch()
    again, _ = load_data(archive, LIMIT, tmp_path / "cache")
    assert (again / "marker").exists()


def test_a_folder_that_was_zipped_as_a_whole_is_found(source, target, tmp_path):
    prepare(source, target)
    target.with_name("photos.zip").unlink()
    archive = zipped(target.parent, tmp_path / "by_hand.zip")
    root, table = load_data(archive, LIMIT, tmp_path / "cache")
    assert root.name == "photos"
    assert (root / table["path"][0]).is_file()


def test_raw_images_are_not_prepared_data(source, tmp_path):
    archive = zipped(source, tmp_path / "source.zip")
    for raw in (source, archive):
        assert not is_prepared(raw)
        with pytest.raises(UserError, match=r"not prepared data.*scripts/prepare\.py"):
            load_data(raw, LIMIT, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    assert not is_prepared(tmp_path / "absent.zip")
    with pytest.raises(UserError, match="does not exist"):
        load_data(tmp_path / "absent.zip", LIMIT, tmp_path / "cache")
    with pytest.raises(UserError, match=r"a folder or data\.zip, with data=\."):
        load_data(tmp_path / "absent.zip", LIMIT, tmp_path / "cache", "data")


def test_data_with_other_labels_is_refused(tmp_path):
    given = {"perspective": "top", "label": "dented", "split": "train", "width": 1, "height": 1}
    row = dict.fromkeys(COLUMNS, "") | given | {"fold": pd.NA}
    write_manifest(pd.DataFrame([row]), tmp_path)
    with pytest.raises(UserError, match=r"other labels \(dented\)"):
        load_data(tmp_path, LIMIT, tmp_path / "cache")


@pytest.mark.real
def test_the_real_png_sample_is_prepared(target):
    archive = SHARED / "raw-data-png-sample.zip"
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    prepare(archive, target)
    table = read_manifest(target)
    assert len(table) == 16
    assert set(zip(table["width"], table["height"], strict=True)) == {(960, 540)}
    packages = table.drop_duplicates("serial")
    assert packages.groupby(["label", "split"]).size().to_dict() == {
        (label, split): 2 if split == "train" else 1
        for label in ("damaged", "intact")
        for split in ("train", "val", "test")
    }


@pytest.fixture
def request_for(target):
    def ask(source: Path) -> DataRequest:
        return DataRequest(str(source), str(target), SplitSettings(folds=3))

    return ask


def test_what_a_killed_preparation_left_is_removed(source, target, request_for):
    half = target.with_name(f".{target.name}.a1b2c3d4")
    half.mkdir(parents=True)
    (half / "image.png").write_bytes(b"half")
    request_for(source).provide()
    assert not half.exists()


def test_a_layout_of_prepared_data_is_told_to_have_no_effect(source, target, request_for, capsys):
    request_for(source).provide()
    capsys.readouterr()
    assert request_for(target).provide() == target
    without_words = StandardLayout(labels={"damaged": []}, cameras={"top": []})
    assert replace(request_for(target), layout=without_words).provide() == target
    assert capsys.readouterr().out == ""
    again = replace(request_for(target), layout=ImageFolderLayout(camera="top"))
    assert again.provide() == target
    said = f"layout=imagefolder has no effect: {target} is prepared data\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_source_with_other_images_of_the_same_name_is_refused(
    source, target, tmp_path, request_for, kind
):
    """Two folders called photos, of Monday and of Tuesday."""
    tuesday = tmp_path / "tuesday" / source.name
    shutil.copytree(source, tuesday)
    Image.new("RGB", (64, 48)).save(tuesday / "damaged/top/0000000000001_top.png")
    monday = source
    if kind == "zip":
        monday, tuesday = (
            Path(shutil.make_archive(str(place), "zip", place)) for place in (monday, tuesday)
        )
    assert request_for(monday).provide() == target
    before = (target / "manifest.csv").read_bytes()
    with pytest.raises(UserError, match=r"other images than .*data\.name.*data\.overwrite=true"):
        request_for(tuesday).provide()
    assert (target / "manifest.csv").read_bytes() == before
    assert request_for(monday).provide() == target


def test_a_source_that_grew_is_refused(source, target, request_for):
    request_for(source).provide()
    image = source / "damaged/top/0000000000001_top.png"
    shutil.copy(image, source / "damaged/top/9999999999999_top.png")
    with pytest.raises(UserError, match="other images than"):
        request_for(source).provide()


def test_a_source_that_was_moved_or_only_touched_is_the_same(
    source, target, tmp_path, request_for, monkeypatch
):
    request_for(source).provide()
    moved = tmp_path / "elsewhere"
    source.rename(moved)
    assert request_for(moved).provide() == target
    # What was read once is not read again.
    monkeypatch.setattr(fingerprint, "sha256", lambda path: pytest.fail(f"{path} was read"))
    assert request_for(moved).provide() == target


def test_a_source_in_the_folder_of_the_results_is_told_from_them(source, request_for, monkeypatch):
    """`cd photos; train data.source=.`"""
    monkeypatch.chdir(source)
    target = Path("outputs/data/raw")
    request = DataRequest(".", str(target), SplitSettings(folds=3))
    assert request.provide() == target
    rejected = (target / "rejected.csv").read_text()
    (source / "outputs" / "other.txt").write_text("a run")
    assert request.provide() == target
    assert "outputs" not in rejected
