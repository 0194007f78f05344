"""Images without labels: a row for each, named by serial and camera, and the packages they show."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.preparation.layout import (
    IMAGE_SUFFIXES,
    UNREADABLE,
    Rejected,
    is_image,
    walk,
)
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.reading import Layout
from packsight.system.archive import as_folder


@contextmanager
def images_in(source: Path, max_bytes: int) -> Iterator[tuple[Path, list[Path], list[Rejected]]]:
    """The folder to name images from, the images below it or in a zip, and what cannot be read."""
    if is_image(source.name) and source.is_file():
        yield source.parent, [source], []
        return
    with as_folder(source, max_bytes) as root:
        paths, rejected = walk(root)
        files = [root / path for path in paths if is_image(path)]
        unread = [item for item in rejected if is_image(item.path) or item.reason == UNREADABLE]
        if not files and not unread:
            raise UserError(
                f"{source} holds no image; expected files that end in {', '.join(IMAGE_SUFFIXES)}."
            )
        yield root, files, unread


def name_images(
    root: Path,
    files: Sequence[Path],
    perspective: str | None,
    unread: Sequence[Rejected] = (),
    layout: Layout | None = None,
) -> pd.DataFrame:
    """A row per file: serial and camera as the layout tells them, `<serial>_<perspective>` if none.

    A file that is not named so is its own package, seen by the camera `perspective`. What is
    `unread` gets its reason as `error`.
    """
    rows = []
    errors = {item.path: ": ".join(filter(None, item[1:])) for item in unread}
    paths = [*(file.relative_to(root).as_posix() for file in files), *errors]
    named = (layout or StandardLayout()).namer(root, paths)
    for path in paths:
        name = named(path)
        rows.append(
            {
                "serial": name.serial or path,
                "perspective": name.perspective or perspective or "",
                "path": path,
                "error": errors.get(path, ""),
                "shot": name.shot,
            }
        )
    empty: dict[str, object] = {"label": "", "probability": np.nan, "predicted": "", "split": ""}
    return pd.DataFrame(rows).assign(**empty, crop="", region="", region_score=np.nan)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a known camera and without an error."""
    return table[(table["error"] == "") & (table["perspective"] != "")]


def packages_of(table: pd.DataFrame) -> pd.DataFrame:
    """One row per package: its serial, and in `rows` its images, {camera: row of the table}.

    Bursts give a row for each shot, by order as `pair_images` has them.
    """
    found = []
    ordered = named(table).sort_values("shot", kind="stable")
    for serial, part in ordered.groupby("serial", sort=True):
        cameras = {str(camera): rows.index for camera, rows in part.groupby("perspective")}
        for shot in range(max(map(len, cameras.values()))):
            rows = {camera: at[min(shot, len(at) - 1)] for camera, at in cameras.items()}
            found.append({"serial": serial, "rows": rows})
    return pd.DataFrame(found, columns=["serial", "rows"])


def cameras_read(serials: pd.Series, table: pd.DataFrame) -> list[str]:
    """For each package the cameras whose image could be read: `top+side`, `top` or `side`."""
    seen = named(table).groupby("serial")["perspective"].agg(set)
    return ["+".join(filter(seen[serial].__contains__, Perspective)) for serial in serials]
