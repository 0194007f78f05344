"""Where each image's package is, as columns of a manifest: crop, crop_source and upright."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd

from packsight.domain import Perspective, format_boxes, format_upright
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel, Place
from packsight.imaging.belt_arrays import pack_belts
from packsight.imaging.belt_fit import locate_packages
from packsight.imaging.decode import read_image
from packsight.preparation.prepared import SUMMARY
from packsight.system.console import track
from packsight.system.files import read_json, replacing
from packsight.system.tables import read_table

COLUMNS = ["crop", "crop_source", "upright"]


def learn_and_locate(
    table: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, dict[str, BeltModel]]:
    """The manifest with the place of each package, and the models of the belts that told it."""
    cameras = {
        camera.value: table.index[table["perspective"] == camera].tolist() for camera in Perspective
    }
    belts, places = locate_packages(lambda row: read_image(folder / table.at[row, "path"]), cameras)
    return with_places(table, places), belts


def locate_with(
    belts: Mapping[str, BeltModel],
    table: pd.DataFrame,
    folder: Path,
    cameras: Sequence[str],
    cache: Path,
) -> pd.DataFrame:
    """The cameras' rows of a manifest, with the place of each package as these models tell it.

    What prepared data or the folder `cache` say of a place is used only where the same models found
    it in the same images.
    """
    seen = table[table["perspective"].isin(cameras)]
    with suppress(UserError):  # a damaged summary
        if read_json(folder / SUMMARY, ["located"])["located"] == location_digest(table, belts):
            return seen
    asked = hashlib.sha256("".join([_digest(belts), *seen["sha256"]]).encode()).hexdigest()
    file = cache / f"places-{asked[:16]}.csv"
    with suppress(UserError):  # none, or damaged
        known = read_table(file, [*COLUMNS, "digest"], str, keep_default_na=False)
        if len(known) == len(seen):
            placed = seen.assign(**{column: known[column].to_numpy() for column in COLUMNS})
            if location_digest(placed, belts) == known["digest"][0]:
                return placed

    def place(row: tuple[str, str]) -> Place | None:
        belt = belts.get(row[1])
        return belt.locate(read_image(folder / row[0])) if belt else None

    rows = [*seen[["path", "perspective"]].itertuples(index=False, name=None)]
    with ThreadPoolExecutor() as pool:
        found = list(track(pool.map(place, rows), "locate packages", len(rows)))
    placed = with_places(seen, dict(zip(seen.index, found, strict=True)))
    with replacing(file) as temporary:
        content = placed[COLUMNS].assign(digest=location_digest(placed, belts))
        content.to_csv(temporary, index=False)
    return placed


def with_places(table: pd.DataFrame, places: Mapping[int, Place | None]) -> pd.DataFrame:
    """The manifest with these places; the whole frame where there is none."""
    crops, sources, uprights = [], [], []
    for row in table.itertuples():
        place = places[row.Index]
        crops.append(format_boxes([place.box if place else (0, 0, row.width, row.height)]))
        sources.append("auto" if place else "frame")
        uprights.append(format_upright(place.upright) if place else "")
    return table.assign(crop=crops, crop_source=sources, upright=uprights)


def location_digest(table: pd.DataFrame, belts: Mapping[str, BeltModel]) -> str:
    """A hash of belts' models and of the places in a manifest, whatever the order of its rows."""
    places = table[["sha256", *COLUMNS]].sort_values("sha256").to_csv(index=False)
    return hashlib.sha256((_digest(belts) + places).encode()).hexdigest()


def _digest(belts: Mapping[str, BeltModel]) -> str:
    arrays = sorted(pack_belts(belts).items())
    return hashlib.sha256(b"".join(key.encode() + a.tobytes() for key, a in arrays)).hexdigest()
