"""Tables from csv files that may have been cut, emptied, edited or of another version."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from packsight.system.files import RESTORE, reading


def read_table(
    path: Path,
    columns: Iterable[str] = (),
    dtype: Mapping[str, Any] | type | None = None,
    rows: int = 1,
    kind: str = "a table",
    remedy: str = RESTORE,
    **options: Any,
) -> pd.DataFrame:
    """A csv file that has at least these columns, of these types, and at least so many rows.

    `dtype` and `options` are pandas'. Raises UserError, which ends in the `remedy`, if the file is
    missing, damaged or another table.
    """
    with reading(path, kind, remedy):
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        table = pd.read_csv(path, dtype=dtype, encoding="utf-8", **options)
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("its rows have more fields than its header")
        missing = [column for column in columns if column not in table]
        if missing:
            raise ValueError(f"it lacks the column {', '.join(missing)}")
        if len(table) < rows:
            raise ValueError(f"it has {len(table)} rows")
    return table
