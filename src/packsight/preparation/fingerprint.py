"""What prepared data were made from, as a hash, and whether a source still holds that."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from packsight.errors import UserError
from packsight.preparation.layout import walk
from packsight.preparation.manifest import COLUMNS
from packsight.system.archive import as_folder
from packsight.system.console import track
from packsight.system.files import read_json, sha256, write_json


def source_fingerprint(root: Path, settings: dict[str, Any], target: Path) -> str:
    """A hash of all the source's paths and contents, the settings, and what a manifest holds."""
    paths, unread = walk(root, target)

    def content_of(path: str) -> str:
        try:
            return sha256(root / path)
        except OSError as error:  # a file that will be rejected
            return str(error.strerror)

    with ThreadPoolExecutor() as pool:
        hashed = pool.map(content_of, paths)
        content: list[Any] = list(zip(paths, track(hashed, "read source", len(paths)), strict=True))
    return _hash([COLUMNS, settings, content + unread])


def known_fingerprint(source: Path, settings: dict[str, Any], target: Path, max_bytes: int) -> str:
    """The fingerprint of a source, a folder or zip, that is read only where it was changed.

    Beside `target` stands what it was when it was read last.
    """
    listing = source_listing(source, settings, target)
    with suppress(UserError):  # none, or damaged
        known = read_json(_memory(target), ["listing", "fingerprint"])
        if known["listing"] == listing:
            return str(known["fingerprint"])
    with as_folder(source, max_bytes) as root:
        fingerprint = source_fingerprint(root, settings, target)
    remember(target, listing, fingerprint)
    return fingerprint


def source_listing(source: Path, settings: dict[str, Any], target: Path) -> str:
    """A hash of where a source is, and of its files' paths, sizes and times; none is read."""
    root = source.resolve()
    paths, unread = walk(root, target) if root.is_dir() else ([""], [])
    times = []
    for path in paths:
        with suppress(OSError):  # gone, which the list tells
            found = (root / path).stat()
            times.append((path, found.st_size, found.st_mtime_ns))
    return _hash([str(root), COLUMNS, settings, times, unread])


def remember(target: Path, listing: str, fingerprint: str) -> None:
    """Note beside `target` what a source with this listing holds."""
    with suppress(UserError):  # where nothing may be written it is read again next time
        write_json(_memory(target), {"listing": listing, "fingerprint": fingerprint})


def _memory(target: Path) -> Path:
    return target.with_name(f".{target.name}.source.json")


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
