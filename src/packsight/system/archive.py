"""Zip archives: unpacked with suspicion, packed so that equal content gives equal bytes."""

import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from packsight.errors import UserError
from packsight.system.files import replacing

_CHUNK = 1 << 20
_COMPRESSED = {".png", ".jpg", ".jpeg", ".webp"}  # deflating these again gains nothing
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression method that Python does not know
    OSError,  # bz2's word for damaged data
    ValueError,  # names that are not in the encoding they claim
)


@contextmanager
def as_folder(source: str | Path, max_bytes: int) -> Iterator[Path]:
    """A folder yields itself; a zip is unpacked to a temporary folder that is removed afterwards.

    Raises UserError if `source` is absent, empty or no zip, and for what `extract` refuses.
    """
    path = Path(source)
    if path.is_dir():
        if not any(path.iterdir()):
            raise UserError(f"the folder {path} is empty; give one that holds files.")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="packsight-") as temporary:
        folder = Path(temporary, "content")
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
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            left = max_bytes
            for name, member in files.items():
                place = temporary / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as file:
                    for chunk in _chunks(archive, opened, member):
                        left -= len(chunk)
                        if left < 0:
                            raise UserError(
                                f"{archive} unpacks to more than {max_bytes / 1e9:g} GB (reached "
                                f"in {member.filename!r}); if you trust it, raise max_unpacked_gb "
                                "(data.max_unpacked_gb where data is prepared or trained on)."
                            )
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


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    if not archive.exists():
        raise UserError(f"{archive} does not exist; give a folder or a zip archive.")
    if not archive.is_file() or archive.stat().st_size == 0:
        raise UserError(f"{archive} is empty or no plain file; give a folder or a zip archive.")
    try:
        opened = zipfile.ZipFile(archive)
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
        elif any(len(os.fsencode(part)) > 255 for part in path.parts):
            problem = "has a longer name than file systems allow"
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


def _chunks(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with opened.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except _UNREADABLE as error:
        raise _refused(archive, member, f"cannot be read ({error})") from error


def _refused(archive: Path, member: zipfile.ZipInfo, problem: str) -> UserError:
    return UserError(
        f"{archive} is refused, since its member {member.filename!r} {problem}; pack it again "
        "from plain files."
    )
