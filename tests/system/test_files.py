"""Files are whole or absent; what the system refuses is a sentence; what is damaged is named."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from packsight.errors import UserError
from packsight.system import files
from packsight.system.files import (
    making_folder,
    read_json,
    replacing,
    reserve,
    temporary_folder,
    writable,
    write_json,
    writing,
)


def write(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("new")


def half_write(path: Path, error: Exception) -> None:
    with replacing(path) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("half")
        raise error


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    file = tmp_path / "new" / "file.txt"
    write(file)
    with pytest.raises(RuntimeError):
        half_write(file, RuntimeError())
    assert [path.name for path in file.parent.iterdir()] == ["file.txt"]
    assert file.read_text() == "new"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("file/below", "file is a file, not a folder; move that away"),
        ("file/further/below", "file is a file, not a folder; move that away"),
        ("folder", "a folder has this name; move that away"),
        ("x" * 300, "longer than the system allows; choose a shorter one"),
        (f"{'x' * 300}/y", "longer than the system allows; choose a shorter one"),
    ],
)
def test_a_place_that_cannot_be_is_told(tmp_path, place, told):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").touch()
    with pytest.raises(UserError, match=told) as caught:
        write(tmp_path / place)
    assert str(tmp_path) in str(caught.value)
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder", "kept"}


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    for make in (making_folder, writable):
        with pytest.raises(UserError, match=r"file is a file, not a folder"):
            make(tmp_path / "file")
        with pytest.raises(UserError, match=r"file is a file, not a folder"):
            make(tmp_path / "file" / "below")
        assert make(tmp_path / "new" / "folder").is_dir()
    assert not list((tmp_path / "new" / "folder").iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("place", ["/proc/packsight", "/proc/packsight/below/file.json"])
def test_a_file_system_of_the_kernel_is_told(place):
    with pytest.raises(UserError, match=r"/proc/packsight.* cannot be written: .+; .+"):
        making_folder(Path(place))
    with pytest.raises(UserError, match=r"/proc/packsight.* cannot be written: .+; .+"):
        write_json(Path(place), {})


def attempts(closed: Path) -> list[str]:
    told = []
    for attempt in (lambda: write(closed / "file"), lambda: making_folder(closed / "below"),
                    lambda: writable(closed)):  # fmt: skip
        try:
            attempt()
        except UserError as error:
            told.append(str(error))
    return told


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
def test_a_folder_without_permission_is_told():
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place, "closed")
        closed.mkdir(mode=0o555)

        def try_it() -> None:
            if os.geteuid() == 0:  # who may write everywhere
                os.seteuid(65534)
            told.put(attempts(closed))

        process = context.Process(target=try_it)
        process.start()
        process.join(30)
        assert process.exitcode == 0
        sentences = told.get()
    assert len(sentences) == 3
    for sentence in sentences:
        assert "closed" in sentence
        assert sentence.endswith("there is no permission; give it or choose another place.")


@pytest.mark.parametrize("number", [*files.FULL, *files._REASONS])
def test_whatever_the_system_refuses_is_a_sentence_and_nothing_is_left(tmp_path, number):
    write(tmp_path / "file.txt")
    for name in (None, str(tmp_path / f".{os.getpid()}.file.txt"), str(tmp_path)):
        with pytest.raises(UserError, match=r"file\.txt cannot be written: .+; .+\."):
            half_write(tmp_path / "file.txt", OSError(number, os.strerror(number), name))
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "new"


def test_a_full_disk_is_told_with_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 3e6))
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: "/elsewhere")
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UserError) as caught, writing(tmp_path / "file"):
        raise full
    assert str(caught.value) == (
        f"{tmp_path / 'file'} cannot be written: the disk is full (3 MB free); make room, and give "
        "the same command again."
    )
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(UserError, match="set TMPDIR"), writing(tmp_path / "file"):
        raise full


def test_a_writer_that_hides_the_systems_error_is_seen_through_on_a_full_disk(
    tmp_path, monkeypatch
):
    with pytest.raises(RuntimeError), writing(tmp_path / "file"):
        raise RuntimeError("file write failed")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 4096))
    with pytest.raises(UserError, match="disk is full"), writing(tmp_path / "file"):
        raise RuntimeError("file write failed")


def test_other_errors_stay_what_they_are(tmp_path):
    missing = tmp_path / "source" / "absent"
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file") as temporary:
        shutil.copyfile(missing, temporary)
    with pytest.raises(PermissionError), writing(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "", str(tmp_path / "other"))
    with pytest.raises(UserError, match="mine"), writing(tmp_path / "file"):
        raise UserError("mine")


@pytest.mark.parametrize("number", [*files.ENVIRONMENT, errno.EMFILE])
def test_what_no_room_foresaw_is_a_sentence_too_if_the_system_refused(number):
    error = files.as_mistake(OSError(number, os.strerror(number), "/place/file"))
    assert error is not None
    assert ("/place/file cannot be written: " in str(error)) or number == errno.EMFILE
    assert files.as_mistake(OSError(number, os.strerror(number))) is not None
    assert files.as_mistake(FileNotFoundError(errno.ENOENT, "", "/place/file")) is None


SMALL = """
import errno, sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from safetensors.numpy import save_file
from packsight.errors import UserError
from packsight.system.archive import pack
from packsight.system.files import replacing, reserve, write_json, making_folder
disk = Path(sys.argv[1])
large = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8)
(disk / "kept.bin").write_bytes(b"old")
def memory(file):
    file.touch()
    reserve(file, large.size)
ways = {
    "bytes": lambda file: file.write_bytes(large.tobytes()),
    "table": lambda file: pd.DataFrame(large).to_csv(file),
    "json": lambda file: file.write_text(str(large.tolist())),
    "torch": lambda file: torch.save(torch.from_numpy(large), file),
    "safetensors": lambda file: save_file({"a": large}, file),
    "memory": memory,
}
for name, way in ways.items():
    try:
        with replacing(disk / "kept.bin") as temporary:
            way(temporary)
    except UserError as error:
        assert "disk is full (" in str(error), error
    else:
        raise AssertionError(name)
    assert [file.name for file in disk.iterdir()] == ["kept.bin"], name
    assert (disk / "kept.bin").read_bytes() == b"old"
print("seen")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a tmpfs")
def test_a_real_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        done = subprocess.run(
            [sys.executable, "-c", SMALL, disk], capture_output=True, text=True, timeout=120
        )
        assert done.stdout == "seen\n", done.stderr
    finally:
        subprocess.run(["umount", disk], check=True)


def test_reserving_changes_nothing_but_room(tmp_path):
    file = tmp_path / "a.npy"
    array = np.lib.format.open_memmap(file, "w+", np.uint8, (10, 10))
    array[:] = 7
    array.flush()
    before = file.read_bytes()
    reserve(file, len(before))
    assert file.read_bytes() == before


def test_without_a_folder_for_temporary_files_it_is_told(tmp_path, monkeypatch):
    with temporary_folder() as folder:
        (folder / "file").touch()
    assert not folder.exists()
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(UserError, match="set TMPDIR"), temporary_folder():
        pass


DAMAGED = {
    "empty": b"",
    "cut": b'{"state": "do',
    "another encoding": '{"state": "é"}'.encode("latin-1"),
    "UTF-16": '{"state": 1}'.encode("utf-16"),
    "another type": b"[1, 2]",
    "a number": b"3",
    "without its key": b'{"other": 1}',
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "a huge number": b'{"state": ' + b"9" * 10_000 + b"}",
    "zeros": bytes(100),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_json_is_named_with_what_to_do(tmp_path, content):
    (tmp_path / "status.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_json(tmp_path / "status.json", keys=["state"], remedy="train again")
    assert f"{tmp_path / 'status.json'} is damaged, or not JSON (" in str(caught.value)
    assert str(caught.value).endswith("); train again.")
    assert len(str(caught.value)) < 500


def test_json_that_cannot_be_opened_is_named(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read \(.+\); restore it"):
            read_json(path)


def test_json_comes_back_and_not_a_number_is_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1.5, float("nan"), (float("inf"), "ü")]})
    assert read_json(tmp_path / "a.json", keys=["a"]) == {"a": [1.5, None, [None, "ü"]]}


def test_mutated_json_is_read_or_refused(tmp_path, mutated):
    file = tmp_path / "metrics.json"
    write_json(file, {"val": {"all": {"accuracy": 0.5, "auroc": 1.0}}, "list": [1, 2, 3]})
    for content in mutated(file.read_bytes(), 300, 0):
        file.write_bytes(content)
        with suppress(UserError):
            assert "val" in read_json(file, keys=["val"])


def test_pandas_is_not_needed_here():
    code = "import packsight.system.files, sys; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
