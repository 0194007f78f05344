"""Several images of one package and camera: one counts, the others are told."""

from pathlib import Path

import pandas as pd

from packsight.imaging.decode import UnusableImageError, decode


def mark_repeated(root: Path, table: pd.DataFrame) -> None:
    """Give each further image of a serial and perspective, in the table's order, its `error`.

    The first one that can be decoded counts, as in `prepare`; one with the same pixels is called
    its duplicate. Rows with an error or without a perspective are left as they are.
    """
    rows = table[(table["error"] == "") & (table["perspective"] != "")]
    rows = rows[rows.duplicated(["serial", "perspective"], keep=False)]
    for _, group in rows.groupby(["serial", "perspective"], sort=False):
        first = content = None
        for row, path in group["path"].items():
            try:
                digest = decode(root / path).sha256
            except UnusableImageError:  # which its own row will tell
                continue
            if first is None:
                first, content = path, digest
            elif digest == content:
                table.loc[row, "error"] = f"duplicate of {first}"
            else:
                table.loc[row, "error"] = f"another image of this package and camera: {first}"
