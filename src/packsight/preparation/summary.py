"""What prepare found, as JSON, as tables in the terminal, and as a contact sheet."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from packsight.domain import LABELS, Perspective, Split, parse_boxes
from packsight.imaging.contact_sheet import contact_sheet
from packsight.imaging.decode import read_image
from packsight.preparation.bursts import count_bursts
from packsight.preparation.layout import Rejected
from packsight.preparation.scan import IDENTICAL, TWO_LABELS
from packsight.preparation.splits import hash_order
from packsight.system.console import console
from packsight.system.fitted_table import FittedTable

SHEET_PACKAGES = 12  # shown on the contact sheet, half of them damaged
COLOURS = {"damaged": (176, 58, 46), "intact": (39, 110, 74)}
_BOX_COLOURS = {
    "damage_boxes": (230, 40, 30),
    "package_box": (40, 140, 255),
    "crop": (250, 190, 20),
}
CROPS = 600  # shown at most for each camera
TILE = 192  # pixels of their width


def summarise(table: pd.DataFrame, rejected: list[Rejected]) -> dict[str, Any]:
    """Counts of a manifest and of what was rejected; all values fit JSON."""
    counts = table.groupby(["label", "perspective", "split"]).size()
    serials = {view: set(table["serial"][table["perspective"] == view]) for view in Perspective}
    packages = set(table["serial"])
    return {
        "images": len(table),
        "packages": len(packages),
        "counts": {
            label: {
                view.value: {
                    split.value: int(counts.get((label, view.value, split.value), 0))
                    for split in Split
                }
                for view in Perspective
            }
            for label in LABELS
        },
        "sizes": Counter(f"{w}x{h}" for w, h in zip(table["width"], table["height"], strict=True)),
        **_together(table),
        "packages_lacking": {view.value: sorted(packages - seen) for view, seen in serials.items()},
        "not_located": {
            view.value: sorted(
                {*table["serial"][table["perspective"].eq(view) & table["crop_source"].eq("frame")]}
            )
            for view in Perspective
        },
        "duplicates": sum(item.reason == IDENTICAL for item in rejected),
        "serials_with_two_labels": sorted(
            {item.detail for item in rejected if item.reason == TWO_LABELS}
        ),
        "rejected": Counter(item.reason for item in rejected),
    }


def _together(table: pd.DataFrame) -> dict[str, Any]:
    """Bursts and groups, where there are any."""
    bursts = count_bursts([*zip(table["serial"], table["perspective"], strict=True)])
    groups = set(table["group"]) - {""}
    found = {"bursts": bursts._asdict()} if bursts.packages else {}
    return found | ({"groups": len(groups)} if groups else {})


def show_summary(summary: dict[str, Any]) -> None:
    """Print a summary."""
    counts = FittedTable("images", ("", *Split, "all"))
    for label, views in summary["counts"].items():
        for view, splits in views.items():
            numbers = [splits[split] for split in Split]
            counts.add_row(f"{label}, {view}", *map(str, [*numbers, sum(numbers)]))
    console.print(counts)

    facts = Table.grid(padding=(0, 2))
    facts.add_row()
    sizes = ", ".join(f"{size} ({count})" for size, count in summary["sizes"].items())
    facts.add_row("packages", str(summary["packages"]))
    if "bursts" in summary:
        several = summary["bursts"]
        said = f"{several['packages']} (up to {several['most']})"
        facts.add_row("with several images of a camera", said)
    if "groups" in summary:
        facts.add_row("groups", str(summary["groups"]))
    facts.add_row("sizes", sizes.replace("x", "×"))
    for view, serials in summary["packages_lacking"].items():
        facts.add_row(f"without a {view} image", _some(serials))
    for view, serials in summary["not_located"].items():
        instead = ", whole frame used" if serials else ""
        facts.add_row(f"package not found in a {view} image", _some(serials) + instead)
    facts.add_row("duplicate images", str(summary["duplicates"]))
    facts.add_row("serials with two labels", _some(summary["serials_with_two_labels"]))
    console.print(facts)

    if summary["rejected"]:
        rejected = FittedTable("rejected files", ("reason", "files"))
        for reason, count in summary["rejected"].items():
            rejected.add_row(escape(reason), str(count))
        console.print(rejected)


def prepared_sheet(table: pd.DataFrame, folder: Path, seed: int) -> np.ndarray:
    """Contact sheet, RGB, of packages of both labels.

    Boxes of damage are red, of packages blue, of where the package was located yellow.
    """
    images, captions, colours = [], [], []
    for label in reversed(LABELS):
        rows = table[table["label"].eq(label) & table["shot"].eq(0)]
        rows = rows.sort_values("perspective", ascending=False)
        views = rows.groupby("serial").size()
        order = sorted(hash_order(views.index, seed), key=lambda serial: -views[serial])
        for serial in order[: SHEET_PACKAGES // 2]:
            for row in rows[rows["serial"] == serial].itertuples():
                image = read_image(folder / str(row.path))
                thickness = max(2, image.shape[1] // 240)
                for column, colour in _BOX_COLOURS.items():
                    for xmin, ymin, xmax, ymax in parse_boxes(getattr(row, column)):
                        cv2.rectangle(image, (xmin, ymin), (xmax, ymax), colour, thickness)
                images.append(image)
                captions.append(f"{label}  {serial}  {row.perspective}")
                colours.append(COLOURS[label])
    return contact_sheet(images, captions, columns=4, tile_width=320, colours=colours)


def crop_sheet(rows: pd.DataFrame, folder: Path) -> np.ndarray:
    """Contact sheet, RGB, of where each package was located; the frames without one come first."""
    rows = rows.sort_values(["crop_source", "serial"], ascending=[False, True]).head(CROPS)

    def tile(path: str, crop: str) -> np.ndarray:
        image = read_image(folder / path)
        thickness = max(2, image.shape[1] // 160)
        [(xmin, ymin, xmax, ymax)] = parse_boxes(crop)
        cv2.rectangle(image, (xmin, ymin), (xmax, ymax), _BOX_COLOURS["crop"], thickness)
        return cv2.resize(image, (TILE, TILE * image.shape[0] // image.shape[1]))

    with ThreadPoolExecutor() as pool:
        tiles = list(pool.map(tile, rows["path"], rows["crop"]))
    captions = [
        serial if source == "auto" else f"{serial} NOT FOUND"
        for serial, source in zip(rows["serial"], rows["crop_source"], strict=True)
    ]
    return contact_sheet(tiles, captions, columns=10, tile_width=TILE)


def _some(serials: list[str]) -> str:
    shown = escape(", ".join(serials[:3])) + (", …" if len(serials) > 3 else "")
    return f"{len(serials)} ({shown})" if serials else "0"
