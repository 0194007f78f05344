"""Prepared data read again: where it is, whether it is what was asked for, what it holds."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from packsight.domain import LABELS, SplitBy
from packsight.errors import UserError
from packsight.preparation import manifest
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.manifest import not_prepared, read_manifest
from packsight.preparation.splits import SplitSettings
from packsight.system.archive import extract, member_names
from packsight.system.files import read_json, reading, sha256
from packsight.system.half_written import clear_beside
from packsight.system.lock import locked

SUMMARY = "summary.json"
# What earlier versions had no key for, as they did it.
BEFORE: dict[str, Any] = {"layout": StandardLayout().values(), "split": str(SplitBy.RANDOM)}


def is_prepared(source: Path) -> bool:
    """Whether `source` is a folder or zip that holds prepared data, itself or in its only folder.

    Raises UserError if it is a file, but no zip.
    """
    if source.is_dir() or not source.exists():
        return data_root(source) is not None
    names = [PurePosixPath(name) for name in member_names(source)]
    return any(name.name == manifest.NAME and len(name.parts) <= 2 for name in names)


def load_data(
    source: str | Path, max_bytes: int, workspace: Path, key: str = "source"
) -> tuple[Path, pd.DataFrame]:
    """Folder and manifest of prepared data; a zip is unpacked once into `workspace`.

    `key` is what a user gives it by.

    Raises UserError if `source` is not prepared data, or was prepared with other labels.
    """
    source = Path(source)
    if not source.exists():
        raise UserError(
            f"{source} does not exist; give prepared data, a folder or data.zip, with {key}=."
        )
    if not is_prepared(source):
        raise not_prepared(source)
    folder = source
    if not source.is_dir():
        folder = workspace / sha256(source)[:16]
        with locked(folder.with_suffix(".lock"), f"unpacking {source}"):
            if not folder.is_dir():
                clear_beside(folder)
                extract(source, folder, max_bytes)
    root = data_root(folder)
    if root is None:
        raise not_prepared(source)
    table = read_manifest(root)
    others = sorted(set(table["label"]) - set(LABELS))
    if others:
        raise UserError(
            f"{source} was prepared with other labels ({', '.join(others)}); packsight tells "
            f"{' from '.join(reversed(LABELS))}, so prepare its images again with these."
        )
    return root, table


def stored_split_settings(root: Path) -> SplitSettings:
    """The settings that prepared data were divided by."""
    keys = ("fractions", "folds", "split_seed")
    summary = BEFORE | read_json(root / SUMMARY, keys, "prepare the images again")
    with reading(root / SUMMARY, "a summary of packsight", "prepare the images again"):
        summary["split"] = SplitBy(summary["split"])
    return SplitSettings(**{key: summary[key] for key in (*keys, "split")})


def check_settings(folder: Path, asked: Mapping[str, Any]) -> None:
    """Raise UserError if the data in `folder` were prepared with other settings."""
    known = read_json(folder / SUMMARY, asked.keys() - BEFORE.keys(), "prepare the images again")
    summary = BEFORE | known
    for key, value in asked.items():
        if summary[key] != value:
            raise UserError(
                f"{folder} was prepared with {key} {summary[key]}, not {value}; choose another "
                "data.name, or prepare it again with data.overwrite=true."
            )


def made_from(folder: Path) -> str:
    """The fingerprint of the source that prepared data were made from."""
    remedy = "set data.overwrite=true to prepare the images again"
    return str(read_json(folder / SUMMARY, ["fingerprint"], remedy)["fingerprint"])


def data_root(folder: Path) -> Path | None:
    """The folder with the manifest: this one, or the only one in it that has one."""
    if (folder / manifest.NAME).is_file():
        return folder
    inner = list(folder.glob(f"*/{manifest.NAME}"))
    return inner[0].parent if len(inner) == 1 else None
