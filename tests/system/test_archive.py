import errno
import os
import shutil
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from packsight.errors import UserError
from packsight.system import archive as module
from packsight.system.archive import as_folder, extract, member_names, pack

LIMIT = 10**6


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def special(path: Path, kind: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("odd")
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return path


def patch_central_directory(path: Path, offset: int, value: bytes) -> Path:
    """Change one field of the first central directory entry."""
    raw = bytearray(path.read_bytes())
    start = raw.index(b"PK\x01\x02") + offset
    raw[start : start + len(value)] = value
    path.write_bytes(raw)
    return path


def assert_refused(archive: Path, target: Path, match: str) -> None:
    before = sorted(target.parent.rglob("*"))
    with pytest.raises(UserError, match=match):
        extract(archive, target, LIMIT)
    assert sorted(target.parent.rglob("*")) == before


@pytest.fixture
def target(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "target"


def test_a_folder_is_itself(tmp_path):
    (tmp_path / "file").touch()
    with as_folder(str(tmp_path), LIMIT) as folder:
        assert folder == tmp_path


def test_a_zip_is_unpacked_and_removed_afterwards(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"x/y.txt": b"content", "z.txt": b""})
    with as_folder(archive, LIMIT) as folder:
        assert (folder / "x/y.txt").read_bytes() == b"content"
        assert (folder / "z.txt").read_bytes() == b""
    assert not folder.exists()


def test_backslashes_of_windows_tools_are_separators(tmp_path, target):
    extract(make_zip(tmp_path / "a.zip", {"x\\y.txt": b"content"}), target, LIMIT)
    assert (target / "x" / "y.txt").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil", "leads out"),
        ("x/../../evil", "leads out"),
        ("..\\evil", "leads out"),
        ("/evil", "absolute"),
        ("\\evil", "absolute"),
        ("\\\\server\\share\\evil", "absolute"),
        ("C:\\evil", "absolute"),
        ("c:/evil", "absolute"),
        ("C:evil", "absolute"),
        ("x" * 256, "longer name"),
        ("x/" * 1400 + "y", "longer path"),
        (("x" * 250 + "/") * 20 + "y", "longer path"),
        (".", "has no name"),
    ],
)
def test_names_that_leave_the_target_are_refused(tmp_path, target, name, problem):
    archive = make_zip(tmp_path / "a.zip", {"first": b"1", name: b"2"})
    assert_refused(archive, target, problem)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(tmp_path, target, kind):
    assert_refused(special(tmp_path / "a.zip", kind), target, "'odd' is a link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["x/file", "x//file", "./x/file", "x\\file"])
def test_a_name_that_occurs_twice_is_refused(tmp_path, target, second):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/file", "1")
        archive.writestr(second, "2")
    assert_refused(tmp_path / "a.zip", target, "file' is in it twice")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path, target):
    archive = make_zip(tmp_path / "a.zip", {"x": b"1", "x/y/z": b"2"})
    assert_refused(archive, target, "'x/y/z' lies in a folder that is also a file")


def test_an_encrypted_member_is_refused(tmp_path, target):
    archive = make_zip(tmp_path / "a.zip", {"secret": b"1"})
    patch_central_directory(archive, 8, b"\x01\x00")
    assert_refused(archive, target, "'secret' is encrypted")


def test_more_than_the_limit_is_refused(tmp_path, target):
    half = bytes(LIMIT // 2 + 1)
    archive = make_zip(tmp_path / "a.zip", {"one": half, "two": half})
    assert_refused(archive, target, r"more than 0\.001 GB.*'two'.*data\.max_unpacked_gb")


def test_exactly_the_limit_is_unpacked(tmp_path, target):
    extract(make_zip(tmp_path / "a.zip", {"one": bytes(LIMIT)}), target, LIMIT)
    assert (target / "one").stat().st_size == LIMIT


def test_a_header_that_claims_less_does_not_help(tmp_path, target):
    archive = make_zip(tmp_path / "a.zip", {"bomb": bytes(5 * LIMIT)})
    patch_central_directory(archive, 24, struct.pack("<L", 10))
    assert_refused(archive, target, "'bomb' cannot be read")


def test_a_damaged_member_is_refused(tmp_path, target):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"1")
        archive.writestr("bad", b"abcdef")
    raw = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(raw.replace(b"abcdef", b"abcxef"))
    assert_refused(tmp_path / "a.zip", target, "'bad' cannot be read")


def test_an_unknown_compression_is_refused(tmp_path, target):
    archive = make_zip(tmp_path / "a.zip", {"file": b"1"})
    patch_central_directory(archive, 10, struct.pack("<H", 99))
    assert_refused(archive, target, "'file' cannot be read")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.zip").touch()
    (tmp_path / "text.zip").write_text("no zip")
    make_zip(tmp_path / "none.zip", {})
    make_zip(tmp_path / "folders.zip", {"x/": b""})
    for name, match in {
        "absent": "does not exist",
        "empty": "is empty",
        "zero.zip": "is empty",
        "text.zip": "not a zip",
        "none.zip": "holds no files",
        "folders.zip": "holds no files",
    }.items():
        with pytest.raises(UserError, match=f"{name}.*{match}"), as_folder(tmp_path / name, LIMIT):
            pass


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                                    zipfile.ZIP_LZMA])  # fmt: skip
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.mutations)])
def test_damaged_archives_are_unpacked_or_refused_and_leave_nothing(
    tmp_path, target, mutated, method, count
):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", method) as archive:
        for number in range(4):
            archive.writestr(f"damaged/top/{number}_tür.png", bytes(range(256)) * number)
    whole = (tmp_path / "whole.zip").read_bytes()
    directory = whole.index(b"PK\x01\x02")
    copies = [*mutated(whole, count, 0)]
    copies += [whole[:directory] + end for end in mutated(whole[directory:], count, 1)]
    for content in copies:
        (tmp_path / "a.zip").write_bytes(content)
        with suppress(UserError):
            extract(tmp_path / "a.zip", target, LIMIT)
            shutil.rmtree(target)
        assert not list(target.parent.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "place", "whole.zip"]


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"x": b"1"})
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file, not a folder"):
        extract(archive, tmp_path / "file" / "target", LIMIT)


def test_a_disk_that_fills_up_is_told_and_leaves_nothing(tmp_path, target, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"x": b"1", "y": b"2"})
    chunks = module._chunks

    def fill(archive, opened, member):
        if member.filename == "y":
            raise OSError(errno.ENOSPC, "No space left on device")
        return chunks(archive, opened, member)

    monkeypatch.setattr(module, "_chunks", fill)
    assert_refused(archive, target, r"target cannot be written: the disk is full \(.+ MB free\)")


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(_: Path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        as_folder(tmp_path, LIMIT).__enter__()


def test_a_name_longer_than_paths_are_is_told():
    with pytest.raises(UserError, match=r"cannot be read \(.*too long\)"):
        as_folder("x" * 5000, LIMIT).__enter__()


def test_a_cut_archive_is_refused(tmp_path, target):
    archive = make_zip(tmp_path / "a.zip", {"file": bytes(range(256)) * 20})
    archive.write_bytes(archive.read_bytes()[:-40])
    assert_refused(archive, target, "not a zip")


def test_packing_does_not_depend_on_order_or_time(tmp_path):
    root = tmp_path / "root"
    (root / "x").mkdir(parents=True)
    files = [root / "b.txt", root / "a.txt", root / "x" / "c.png"]
    for file in files:
        file.write_bytes(b"content " * 100)
    pack(tmp_path / "one.zip", root, files)
    for file in files:
        os.utime(file, (10**9, 10**9))
    pack(tmp_path / "two.zip", root, reversed(files))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert member_names(tmp_path / "one.zip") == ["a.txt", "b.txt", "x/c.png"]


def test_packed_files_come_back_and_images_are_stored(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    contents = {"a.PNG": b"0" * 1000, "b.txt": b"1" * 1000}
    for name, content in contents.items():
        (root / name).write_bytes(content)
    pack(tmp_path / "a.zip", root, root.iterdir())
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("a.PNG").compress_size == 1000
        assert archive.getinfo("b.txt").compress_size < 100
    extract(tmp_path / "a.zip", tmp_path / "back", LIMIT)
    assert {file.name: file.read_bytes() for file in (tmp_path / "back").iterdir()} == contents


def test_a_failed_packing_leaves_the_old_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "a.zip", tmp_path, [tmp_path / "absent"])
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]
    assert (tmp_path / "a.zip").read_bytes() == b"old"
