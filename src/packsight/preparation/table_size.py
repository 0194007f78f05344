"""How large a table of images may be."""

import zipfile
from contextlib import suppress
from pathlib import Path

from packsight.errors import UserError

LARGEST = 200_000_000  # bytes, unpacked; a million rows have some 100 MB


def check_size(path: Path) -> None:
    """Raise UserError for a table that would fill the memory; a workbook is a zip of its parts."""
    with suppress(OSError, zipfile.BadZipFile):  # what reads it will tell
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                size = sum(part.file_size for part in parts.infolist())
        if size > LARGEST:
            raise UserError(
                f"{path} holds {size / 1e6:,.0f} MB of table, and at most {LARGEST / 1e6:,.0f} MB "
                "are read; export the columns for path, serial, camera and label alone."
            )
