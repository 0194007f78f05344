"""Several images of one package and camera: all count, but the same picture counts once."""

from pathlib import Path
from typing import Any

import pandas as pd

from packsight.imaging.decode import UnusableImageError, decode
from packsight.preparation.bursts import place_in_burst


def mark_repeated(root: Path, table: pd.DataFrame) -> None:
    """Number the images of each serial and perspective in `shot`, as `prepare` does.

    One with the same pixels as an earlier one gets that as its `error`. Rows with an error or
    without a perspective are left as they are.
    """
    told = table["shot"].copy()
    table["shot"] = 0
    rows = table[(table["error"] == "") & (table["perspective"] != "")]
    rows = rows[rows.duplicated(["serial", "perspective"], keep=False)]
    for _, group in rows.groupby(["serial", "perspective"], sort=False):
        contents: dict[str, str] = {}
        places: list[tuple[Any, Any]] = []
        for row, path in group["path"].items():
            try:
                digest = decode(root / path).sha256
            except UnusableImageError:  # which its own row will tell
                continue
            first = contents.setdefault(digest, path)
            if first != path:
                table.loc[row, "error"] = f"duplicate of {first}"
            else:
                places.append((place_in_burst(told[row], path), row))
        table.loc[[row for _, row in sorted(places)], "shot"] = range(len(places))
