"""Files that are whole or absent, and sentences for what the operating system refuses."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from packsight.errors import FullDiskError, UserError

RESTORE = "restore it from a copy, or remove it and make it again"
# What readers say of texts and numbers, of types, and of what is nested a thousand times.
UNFIT = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
FULL = (errno.ENOSPC, errno.EDQUOT)
NOTHING_LEFT = 1 << 20  # bytes free on a disk that is full: libraries do not always say so


@contextmanager
def replacing(path: Path, needed: int = 0) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` only if the block succeeds.

    The suffix is kept, because image and zip writers choose their format by it. Raises UserError
    where the system refuses, which tells how many bytes are `needed` on a full disk; then nothing
    is left, and what was there before still is.
    """
    making_folder(path.parent)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with writing(path, needed):
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, needed: int = 0) -> Iterator[None]:
    """Turn what the operating system refuses while `path` is written into a UserError.

    Errors that name a file elsewhere, such as one that is read, are left as they are.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if not _concerns(error, path) or error.errno not in {*FULL, *_REASONS}:
            raise
        raise refused(path, error, needed) from error
    except Exception as error:  # by writers that do not pass on the system's own error
        if free_bytes(path) > NOTHING_LEFT:
            raise
        raise refused(path, OSError(errno.ENOSPC, ""), needed) from error


def making_folder(path: Path) -> Path:
    """The folder, made with its parents where it is missing. Raises UserError if it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error
    return path


def writable(folder: Path) -> Path:
    """The folder, made where it is missing. Raises UserError unless files can be made in it."""
    making_folder(folder)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise refused(folder, error) from error
    return folder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the system's temporary files, removed afterwards. Raises UserError without."""
    try:
        folder = tempfile.mkdtemp(prefix="packsight-")
    except OSError as error:
        raise UserError(
            f"no folder for temporary files can be made ({error.strerror or error}); set TMPDIR to "
            "one that exists, can be written to and has room."
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reserve(file: Path, size: int) -> None:
    """Claim `size` bytes of disk for an existing file that will be written as mapped memory.

    On a disk that fills up meanwhile such writing ends the process. Raises OSError instead.
    """
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON; not-a-number becomes null, since JSON has no NaN."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(_finite(content), indent=2) + "\n", encoding="utf-8")


def read_json(path: Path, keys: Iterable[str] = (), remedy: str = RESTORE) -> Any:
    """What a JSON file holds; with `keys`, a dictionary that has them all.

    Raises UserError, which ends in the `remedy`, if the file is missing or damaged.
    """
    with reading(path, "JSON", remedy):
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise ValueError("it is empty")
        content = json.loads(text)
        if keys and not isinstance(content, dict):
            raise ValueError(f"it holds {type(content).__name__}, not keys and values")
        missing = [key for key in keys if key not in content]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
    return content


@contextmanager
def reading(path: Path, kind: str, remedy: str = RESTORE) -> Iterator[None]:
    """Turn what goes wrong while `path` is read as a `kind` of file into a UserError."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); {remedy}.") from error
    except UNFIT as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is damaged, or not {kind} ({told}); {remedy}.") from error


def refused(path: Path, error: OSError, needed: int = 0) -> UserError:
    """What was to be written, why the system did not let it be, and what to do.

    `needed` is its size in bytes, where that is known.
    """
    if error.errno in FULL:
        room = f"the disk is full ({free_bytes(path) / 1e6:,.0f} MB free)"
        if error.errno == errno.EDQUOT:
            room = "your share of the disk is used up"
        elsewhere = " or set TMPDIR to a folder with more room" if _is_temporary(path) else ""
        need = f" and it needs {needed / 1e6:,.0f} MB" if needed else ""
        return FullDiskError(
            f"{path} cannot be written: {room}{need}; make room{elsewhere}, and give the same "
            "command again."
        )
    why, remedy = _REASONS.get(
        error.errno or 0, (error.strerror or str(error), "choose another place")
    )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        blocking = [place for place in (path, *path.parents) if place.is_file()]
        why = f"{blocking[0]} is a file, not a folder" if blocking else why
    return UserError(f"{path} cannot be written: {why}; {remedy}.")


def as_mistake(error: OSError) -> UserError | None:
    """The sentence for what the system refused anywhere, where that is no defect of packsight's."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return UserError("too many files are open at once; allow more with ulimit -n 4096.")
    if error.errno not in ENVIRONMENT:
        return None
    named = error.filename if isinstance(error.filename, str) else "what was to be written"
    return refused(Path(named), error)


ENVIRONMENT = {*FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO}
_REASONS = {
    errno.EACCES: ("there is no permission", "give it or choose another place"),
    errno.EPERM: ("there is no permission", "give it or choose another place"),
    errno.EROFS: ("the file system can only be read", "choose another place"),
    errno.EISDIR: ("a folder has this name", "move that away or choose another name"),
    errno.ENOTDIR: ("a file is in the way", "move that away or choose another place"),
    errno.EEXIST: ("a file is in the way", "move that away or choose another place"),
    errno.ENAMETOOLONG: ("the name is longer than the system allows", "choose a shorter one"),
    errno.EFBIG: ("it is larger than the file system allows", "choose another place"),
    errno.EIO: ("the disk does not answer", "look after the disk or choose another place"),
    errno.EINVAL: ("the file system does not allow this name", "choose another one"),
    errno.ENOENT: ("the system allows no files there", "choose another place"),
}


def _concerns(error: OSError, path: Path) -> bool:
    """Whether an error is about `path` or what stands for it meanwhile, not about a file read."""
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return True
    named, parent = Path(os.fsdecode(error.filename)), path.parent
    return named == parent or (
        named.is_relative_to(parent) and path.name in named.relative_to(parent).parts[0]
    )


def free_bytes(path: Path) -> int:
    """Bytes free on the disk on which `path` is or would be."""
    for place in (path, *path.absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def _is_temporary(path: Path) -> bool:
    with suppress(OSError):
        return path.absolute().is_relative_to(tempfile.gettempdir())
    return False


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
