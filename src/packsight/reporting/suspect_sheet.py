"""The first suspects on one page, as the cameras saw them, with maps where they were explained."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from packsight.configuration.stored import read_config
from packsight.domain import Perspective, parse_boxes
from packsight.errors import UserError
from packsight.imaging.contact_sheet import contact_sheet
from packsight.imaging.decode import read_image
from packsight.imaging.encode import write_image
from packsight.imaging.window import box_window, frame_window
from packsight.preparation import manifest
from packsight.preparation.prepared import load_data
from packsight.reporting.suspects import FILE, PICTURE, TILES, Suspects, write_rows
from packsight.system.console import console
from packsight.system.files import replacing, sha256, writing

SHOWN = 40  # suspects on the sheet, about half as many packages
SIZE = (240, 320)  # of a picture: height, width
MARGIN = 0.08  # around the package, of its longer side
BLANK = 225  # grey level where there is no picture
Data = tuple[Path, pd.DataFrame]  # a folder of prepared data and its manifest


def write_suspects(
    experiment: Path,
    frame: pd.DataFrame,
    pooled: pd.DataFrame,
    data: Path | None = None,
    max_bytes: int = 20 * 10**9,
) -> Suspects:
    """Write suspects.csv, and pictures where the data that the runs were tested on are found.

    That is suspects.png and, without words, suspects/<rank>.jpg. The data are looked for in `data`,
    prepared data in a folder or an archive that unpacks to `max_bytes` at most, or else beside the
    experiment in data/<name>.
    """
    rows = write_rows(experiment, frame, pooled)
    picture = experiment / PICTURE
    with writing(experiment):
        for old in (experiment / TILES).glob("*.jpg"):
            old.unlink()
    if rows.empty:
        picture.unlink(missing_ok=True)
        return Suspects(rows, None)
    shown = rows.head(SHOWN)
    found: dict[str, Data] = {}
    for name, group in shown.groupby("data"):
        try:
            found[str(name)] = _data_of(experiment, group["run"].iloc[0], data, max_bytes)
        except UserError as reason:
            console.print(f"[dim]{FILE} has no pictures of {name}: {reason}[/]", soft_wrap=True)
    shown = shown[shown["data"].isin(list(found))]
    if shown.empty:
        picture.unlink(missing_ok=True)
        return Suspects(rows, None)
    tiles = suspect_tiles(experiment, shown, found)
    for listed, tile in tiles:
        with replacing(experiment / TILES / f"{listed['rank'].iloc[0]}.jpg") as file:
            write_image(file, tile)
    with replacing(picture) as file:
        write_image(file, suspect_sheet(tiles))
    return Suspects(rows, picture)


def _data_of(experiment: Path, run: str, data: Path | None, max_bytes: int) -> Data:
    """The prepared data that a run was tested on. Raises UserError where they are not found."""
    config = read_config(experiment / run)
    source = data or experiment.parent / "data" / config.data.name
    root, table = load_data(source, max_bytes, experiment.parent / "cache", "data")
    if config.manifest not in (None, sha256(root / manifest.NAME)):
        raise UserError(
            f"{source} holds other data than the runs were tested on; give those with data=."
        )
    return root, table


def suspect_tiles(
    experiment: Path, rows: pd.DataFrame, data: dict[str, Data]
) -> list[tuple[pd.DataFrame, np.ndarray]]:
    """What is listed of each package, and a picture of it, RGB uint8, all of one size.

    Both cameras' views stand first, then maps of what is listed.
    """
    packages, tiles = [], []
    for (name, serial), listed in rows.groupby(["data", "serial"], sort=False):
        root, table = data[str(name)]
        own = table[table["serial"] == serial]
        maps = [
            _map(experiment / run / "explanations" / "overlays" / f"{serial}_{camera}.jpg")
            for run, camera in zip(listed["run"], listed["camera"], strict=True)
        ]
        views = [_crop(root, own[own["perspective"] == view]) for view in Perspective]
        tiles.append([*views, *(shown for shown in maps if shown is not None)])
        packages.append(listed)
    width = max(map(len, tiles))
    blank = np.full((*SIZE, 3), BLANK, np.uint8)
    pictures = [
        np.hstack([blank if part is None else part for part in (*tile, *[None] * width)][:width])
        for tile in tiles
    ]
    return [*zip(packages, pictures, strict=True)]


def suspect_sheet(tiles: list[tuple[pd.DataFrame, np.ndarray]]) -> np.ndarray:
    """All of them on one page, RGB uint8, each over what is listed."""
    captions = []
    for listed, _ in tiles:
        first = listed.iloc[0]
        said = " | ".join(
            f"{row['camera']} {row['probability']:.2f}: {row['reason']}"
            for _, row in listed.iterrows()
        )
        captions.append(
            f"{first['rank']}  {first['serial']}, label {first['label']}\np(damaged): {said}"
        )
    pictures = [picture for _, picture in tiles]
    across = pictures[0].shape[1]
    return contact_sheet(pictures, captions, columns=max(1, 1920 // across), tile_width=across)


def _crop(root: Path, rows: pd.DataFrame) -> np.ndarray | None:
    """The package with a margin, at `SIZE`; None without an image that can be read."""
    if rows.empty:
        return None
    row = rows.iloc[0]
    try:
        frame = read_image(root / row["path"], row["sha256"])
    except UserError:
        return None
    window = frame_window(frame.shape[:2])
    for box in parse_boxes(row["crop"]):
        window = box_window(box, frame.shape[:2], MARGIN, SIZE)
    return window.cut(frame, SIZE)


def _map(file: Path) -> np.ndarray | None:
    """An overlay fitted into `SIZE`; None where the image was not explained."""
    try:
        picture = read_image(file)
    except UserError:
        return None
    with suppress(UserError):  # an older version wrote none
        seen = read_image(file.parent.with_name("seen") / file.name)
        picture = picture[: len(seen)]  # without the scale below it
    return frame_window(picture.shape[:2]).cut(picture, SIZE)
