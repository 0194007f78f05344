"""A table of images as people have it: CSV, TSV, Parquet or Excel, all of it as text."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from packsight.errors import UserError
from packsight.preparation.table_size import check_size
from packsight.system.files import reading
from packsight.system.tables import read_table

SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx")
# What reads a kind of table that pandas does not read alone.
ENGINES = {".parquet": "pyarrow", ".xlsx": "openpyxl"}
REMEDY = "export it again, or give another layout.table="


def read_content(path: Path) -> pd.DataFrame:
    """A table with its columns' names. A row with too many fields holds "\\0" alone."""
    kind, suffix = "a table of images", path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} is no table that can be read; use {', '.join(SUFFIXES)}.")
    check_size(path)
    if suffix in ENGINES:
        table = _read_with(ENGINES[suffix], path)
    else:
        with reading(path, kind, REMEDY), path.open("rb") as file:
            head = file.readline(1 << 16)
        separator = max((b",", b";", b"\t"), key=head.count).decode()
        table = read_table(
            path, (), str, 1, kind, REMEDY, sep=separator, keep_default_na=False, engine="python",
            on_bad_lines=lambda fields: ["\0"], encoding_errors="replace", skip_blank_lines=False,
        )  # fmt: skip
    table.columns = [str(name).lstrip("\ufeff").strip() for name in table.columns]
    return table


def _read_with(engine: str, path: Path) -> pd.DataFrame:
    if find_spec(engine) is None:
        raise UserError(
            f"{path} needs {engine}, which is not installed; use pip install 'packsight[tables]', "
            "or export the table as CSV."
        )
    try:
        if engine == "pyarrow":
            return pd.read_parquet(path, engine="pyarrow")
        return pd.read_excel(path, engine="openpyxl", dtype=object, keep_default_na=False)
    except Exception as error:  # what these raise on damaged files is not documented
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read as a table ({told}); {REMEDY}.") from error


def rows_of(table: pd.DataFrame, columns: Mapping[str, str]) -> list[dict[str, str]]:
    """Each row's texts, by what they are."""
    values = {name: [_text(value) for value in table[column]] for name, column in columns.items()}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _text(value: Any) -> str:
    """A cell as text: whole numbers without a point, what is missing as nothing."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        return (
            "" if np.isnan(value) else f"{value:.0f}" if float(value).is_integer() else f"{value}"
        )
    return str(value).strip()
