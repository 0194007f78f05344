"""What prepared data were made from, as a hash."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packsight.preparation.layout import walk
from packsight.preparation.manifest import COLUMNS
from packsight.system.console import track
from packsight.system.files import sha256


def source_fingerprint(root: Path, settings: dict[str, Any]) -> str:
    """A hash of all the source's paths and contents, the settings, and what a manifest holds."""
    paths, unread = walk(root)

    def content_of(path: str) -> str:
        try:
            return sha256(root / path)
        except OSError as error:  # a file that will be rejected
            return str(error.strerror)

    with ThreadPoolExecutor() as pool:
        hashed = pool.map(content_of, paths)
        content: list[Any] = list(zip(paths, track(hashed, "read source", len(paths)), strict=True))
    content += unread
    return hashlib.sha256(json.dumps([COLUMNS, settings, content]).encode()).hexdigest()
