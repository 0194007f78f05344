"""Zip archives: unpacked with suspicion, packed so that equal content gives equal bytes."""

import errno
import lzma
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from packsight.errors import UserError
from packsight.system.files import making_folder, replacing, temporary_folder, writing
from packsight.system.half_written import clear_dead_beside
from packsight.system.room import expect_room

LONGEST = 255  # bytes of a name that file systems allow
DEEPEST = 100  # folders in folders; far more cannot even be removed again by ordinary means
_CHUNK = 1 << 20
# Deflating images again gains nothing; trained weights, 7 % at most of a sweep's time to finish.
_COMPRESSED = {".png", ".jpg", ".jpeg", ".webp", ".ckpt"}
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression method that Python does not know
    OSError,  # bz2's word for damaged data
    ValueError,  # names that are not in the encoding they claim
    OverflowError,
    struct.error,
    MemoryError,  # a dictionary of gigabytes, which a few bytes can ask for
)
# What is wrong with a member that cannot be written, whatever folder it were written to.
_UNWRITABLE = {
    errno.ENAMETOOLONG: "has a longer path than the system allows",
    errno.EEXIST: "has the name of another, for this file system",
    errno.EINVAL: "has a name that this file system does not allow",
    errno.EILSEQ: "has a name that this file system does not allow",
}


@contextmanager
def as_folder(source: str | Path, max_bytes: int) -> Iterator[Path]:
    """A folder yields itself; a zip is unpacked to a temporary folder that is removed afterwards.

    Raises UserError if `source` is absent, empty or no zip, and for what `extract` refuses.
    """
    path = Path(source)
    if _is_folder(path):
        yield path
        return
    with temporary_folder() as temporary:
        folder = temporary / "content"
        extract(path, folder, max_bytes)
        yield folder


def extract(archive: Path, target: Path, max_bytes: int) -> None:
    """Unpack into `target`, a new folder, which appears only when every member is there.

    Raises UserError if the file is no zip or has no files; if a member is encrypted, damaged, no
    plain file, named twice or named so that it could leave `target`; and if the members hold more
    than `max_bytes` in fact, whatever their headers say.
    """
    with _opened(archive) as opened:
        files = _checked_files(archive, opened)
        making_folder(target.parent)
        claimed = sum(member.file_size for member in files.values())
        expect_room(target, min(claimed, max_bytes), f"what {archive.name} unpacks to")
        with writing(target):
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            try:
                left = max_bytes
                for name, member in files.items():
                    with _new_file(archive, member, temporary / name) as file:
                        for chunk in _chunks(archive, opened, member):
                            left -= len(chunk)
                            if left < 0:
                                raise _too_large(archive, member, max_bytes)
                            file.write(chunk)
                temporary.chmod(0o755)  # mkdtemp's folders are closed to others
                temporary.rename(target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)


def member_names(archive: Path) -> list[str]:
    """Names of all members. Raises UserError if the file is absent, empty or no zip."""
    with _opened(archive) as opened:
        return opened.namelist()


def pack(archive: Path, root: Path, members: Iterable[Path]) -> None:
    """Zip files that lie below `root`, sorted and without times: same files, same bytes."""
    names = sorted((member.relative_to(root).as_posix(), member) for member in members)
    clear_dead_beside(archive)
    with replacing(archive) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        for name, path in names:
            info = zipfile.ZipInfo(name)  # its time is 1980-01-01
            info.create_system = 3  # Unix, on every system
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.file_size = path.stat().st_size
            stored = path.suffix.lower() in _COMPRESSED
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            with path.open("rb") as source, packed.open(info, "w") as destination:
                shutil.copyfileobj(source, destination, _CHUNK)


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that holds something. Raises UserError if it is an empty one."""
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            return False
        if next(path.iterdir(), None) is None:
            raise UserError(f"the folder {path} is empty; give one that holds files.")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give a folder or a zip archive that can be."
        ) from error
    return True


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    if not archive.exists():
        raise UserError(f"{archive} does not exist; give a folder or a zip archive.")
    if not archive.is_file() or archive.stat().st_size == 0:
        raise UserError(f"{archive} is empty or no plain file; give a folder or a zip archive.")
    try:
        opened = zipfile.ZipFile(archive)
    except PermissionError as error:
        raise UserError(
            f"{archive} cannot be read ({error.strerror}); make it readable."
        ) from error
    except _UNREADABLE as error:
        raise UserError(
            f"{archive} is not a zip archive ({error}); give a folder or a zip."
        ) from error
    with opened:
        yield opened


def _checked_files(archive: Path, opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """File members by their place below the target. Raises UserError for what is refused."""
    files: dict[str, zipfile.ZipInfo] = {}
    for member in opened.infolist():
        name = member.filename.replace("\\", "/")  # some Windows tools write it as the separator
        path = PurePosixPath(name)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if path.is_absolute() or PureWindowsPath(name).drive:
            problem = "has an absolute path"
        elif ".." in path.parts:
            problem = "leads out of the target folder"
        elif not path.parts and not name.endswith("/"):
            problem = "has no name"
        elif any(_bytes(part) > LONGEST for part in path.parts):
            problem = "has a longer name than file systems allow"
        elif len(path.parts) > DEEPEST:
            problem = "has a longer path than is of use"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = "is a link or another special file"
        elif member.flag_bits & 0x1:
            problem = "is encrypted"
        elif str(path) in files:
            problem = "is in it twice"
        else:
            if not name.endswith("/"):
                files[str(path)] = member
            continue
        raise _refused(archive, member, problem)
    for name, member in files.items():
        if any(str(parent) in files for parent in PurePosixPath(name).parents):
            raise _refused(archive, member, "lies in a folder that is also a file")
    if not files:
        raise UserError(f"{archive} holds no files; give an archive of images.")
    return files


def _bytes(name: str) -> int:
    """The length of a name in this file system's encoding; too long if that lacks a sign of it."""
    try:
        return len(os.fsencode(name))
    except UnicodeEncodeError:
        return LONGEST + 1


def _new_file(archive: Path, member: zipfile.ZipInfo, place: Path) -> BinaryIO:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("xb")
    except OSError as error:
        if error.errno in _UNWRITABLE:
            raise _refused(archive, member, _UNWRITABLE[error.errno]) from error
        raise


def _chunks(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with opened.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except _UNREADABLE as error:
        raise _refused(archive, member, f"cannot be read ({error})") from error


def _too_large(archive: Path, member: zipfile.ZipInfo, max_bytes: int) -> UserError:
    return UserError(
        f"{archive} unpacks to more than {max_bytes / 1e9:g} GB (reached in {member.filename!r}); "
        "if you trust it, raise max_unpacked_gb (data.max_unpacked_gb where data is prepared or "
        "trained on)."
    )


def _refused(archive: Path, member: zipfile.ZipInfo, problem: str) -> UserError:
    return UserError(
        f"{archive} is refused, since its member {member.filename!r} {problem}; pack it again "
        "from plain files."
    )
