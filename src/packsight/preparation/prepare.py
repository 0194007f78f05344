"""From raw images to prepared data: scan, split, write."""

import hashlib
from pathlib import Path

import pandas as pd
from rich.markup import escape

from packsight.domain import LABELS, SplitBy, format_boxes
from packsight.errors import UserError
from packsight.imaging.belt_file import save_belts
from packsight.imaging.encode import write_image
from packsight.preparation import manifest
from packsight.preparation.bursts import shots_of
from packsight.preparation.coverage import described
from packsight.preparation.division import divide
from packsight.preparation.fingerprint import remember, source_fingerprint, source_listing
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.location import learn_and_locate, location_digest
from packsight.preparation.near_duplicates import near_duplicates, told
from packsight.preparation.prepared import SUMMARY, data_root
from packsight.preparation.reading import Layout
from packsight.preparation.scan import Scan, UsableImage, scan
from packsight.preparation.splits import SplitSettings
from packsight.preparation.summary import crop_sheet, prepared_sheet, show_summary, summarise
from packsight.preparation.target import archive_of, pack_target, replacing_folder, stands
from packsight.preparation.understanding import Understood, show_understood, understand
from packsight.system.archive import as_folder
from packsight.system.console import console, track
from packsight.system.files import (
    making_folder,
    temporary_folder,
    write_json,
)
from packsight.system.room import expect_room


def prepare(
    source: str | Path,
    target: str | Path,
    settings: SplitSettings | None = None,
    *,
    layout: Layout | None = None,
    max_unpacked_gb: float = 20.0,
    overwrite: bool = False,
) -> Path:
    """Write the images of `source`, a folder or zip, to the folder `target` and `target`.zip.

    `layout` tells what the files are, from their names or a table; None: the standard one.
    Data that was prepared from the same files with the same settings is left as it is; other data
    in `target` are replaced with `overwrite` alone. A zip that unpacks to more than
    `max_unpacked_gb` is refused. Raises UserError for a source without usable images or with too
    few of a label, and where `target` holds other data.
    """
    source, target, settings = Path(source), Path(target), settings or SplitSettings()
    layout = layout or StandardLayout()
    traced = settings.traced() | layout.traced()
    if settings.split == SplitBy.BY_FILE_TIME and source.is_file():
        raise UserError(
            f"data.split=by_file_time needs a folder, for what {source} unpacks to is new; unpack "
            "it with its times, or use data.split=by_time."
        )
    with as_folder(source, int(max_unpacked_gb * 10**9)) as root:
        _check_raw(source, root)
        # First what is cheap: what changes while the rest is read will be noticed.
        listing = source_listing(source, traced, target)
        fingerprint = source_fingerprint(root, traced, target)
        if stands(target, fingerprint, overwrite):
            if not archive_of(target).is_file():
                pack_target(target)
            remember(target, listing, fingerprint)
            console.print(f"prepared already: [cyan]{escape(str(target))}[/]", soft_wrap=True)
            return target
        understood = understand(root, source, target, layout)
        show_understood(understood)
        # Its images, copied and packed.
        size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
        expect_room(target, 2 * size, "prepared data")
        with replacing_folder(target) as folder, temporary_folder() as work:
            found = scan(understood, root, work)
            divided = divide(found.images, root, settings)
            table = _table(found.images, divided.packages)
            _write_images(found.images, folder)
            table, belts = learn_and_locate(table, folder)
            save_belts(belts, folder)
            manifest.write_manifest(table, folder)
            _write_rejected(found, folder)
            sheet = prepared_sheet(table, folder, settings.split_seed)
            write_image(folder / "contact_sheet.png", sheet)
            for camera, rows in table.groupby("perspective"):
                write_image(folder / f"crops_{camera}.png", crop_sheet(rows, folder))
            alike = near_duplicates(table, folder)
            summary = {
                "source": source.name,
                "fingerprint": fingerprint,
                "located": location_digest(table, belts),
                "labels": LABELS,
                **settings.values(),
                "layout": layout.values(),
                **summarise(table, found.rejected),
                **({"times": divided.times} if divided.times else {}),
                "near_duplicates": alike,
            }
            write_json(folder / SUMMARY, summary)
            # So that an interruption cannot leave an archive of other data than the folder's.
            archive_of(target).unlink(missing_ok=True)
    pack_target(target)
    remember(target, listing, fingerprint)
    show_summary(summary)
    for line in divided.told:
        console.print(f"[yellow]{escape(line)}", soft_wrap=True, highlight=False)
    if alike["count"]:
        console.print(f"[yellow]{told(alike)}", soft_wrap=True, highlight=False)
    for line in described(table, settings):
        console.print(f"[yellow]{line}", soft_wrap=True, highlight=False)
    console.print(
        f"prepared: [cyan]{escape(str(target))}[/] and {escape(archive_of(target).name)}",
        soft_wrap=True,
    )
    return target


def preview(source: str | Path, layout: Layout, max_unpacked_gb: float = 20.0) -> Understood:
    """Print what would be understood of `source`, a folder or zip, and write nothing.

    Raises UserError for a source of which nothing is understood.
    """
    source = Path(source)
    with as_folder(source, int(max_unpacked_gb * 10**9)) as root:
        _check_raw(source, root)
        understood = understand(root, source, layout=layout)
        show_understood(understood)
    return understood


def _check_raw(source: Path, root: Path) -> None:
    inner = data_root(root)
    if inner is not None and (inner / SUMMARY).is_file():
        raise UserError(
            f"{source} is prepared data already; train on it with data.source={source}, or "
            "prepare its raw images."
        )


def _table(images: list[UsableImage], packages: pd.DataFrame) -> pd.DataFrame:
    """The manifest of usable images, of packages with split, fold and group."""
    shots = shots_of(images)
    rows = []
    for image in images:
        path, mask = _places(image, shots[image.path])
        rows.append(
            {
                "serial": image.serial,
                "perspective": image.perspective,
                "label": image.label,
                "path": path,
                "width": image.width,
                "height": image.height,
                "sha256": image.sha256,
                "package_box": format_boxes(image.package_box),
                "damage_boxes": format_boxes(image.damage_boxes),
                "mask": mask,
                "shot": shots[image.path],
            }
        )
    table = pd.DataFrame(rows)
    for column in ("split", "fold", "group"):
        table[column] = table["serial"].map(packages[column])
    ordered = table.astype({"fold": "Int64"}).sort_values(["serial", "perspective", "shot"])
    return ordered.reset_index(drop=True)


def _places(image: UsableImage, shot: int) -> tuple[str, str]:
    """Paths of an image and its mask below the data folder."""
    name = f"{image.label}/{image.perspective}/{image.serial}_{image.perspective}"
    name += f"_{shot}" if shot else ""
    return f"images/{name}{image.suffix}", f"masks/{name}.png" if image.mask else ""


def _write_images(images: list[UsableImage], folder: Path) -> None:
    shots = shots_of(images)
    for image in track(images, "write images"):
        places = _places(image, shots[image.path])
        for origin, place in zip((image.file, image.mask), places, strict=True):
            if origin is None:
                continue
            try:
                content = origin.read_bytes()
            except OSError as error:
                raise UserError(
                    f"{origin} went away while it was prepared ({error.strerror}); give the same "
                    "command again."
                ) from error
            if origin == image.file and hashlib.sha256(content).hexdigest() != image.sha256:
                raise UserError(
                    f"{origin} changed while it was prepared; give the same command again."
                )
            making_folder((folder / place).parent)
            (folder / place).write_bytes(content)


def _write_rejected(found: Scan, folder: Path) -> None:
    rows = [(item.path, ": ".join(filter(None, item[1:]))) for item in found.rejected]
    pd.DataFrame(rows, columns=["path", "reason"]).to_csv(
        folder / "rejected.csv", index=False, lineterminator="\n", errors="backslashreplace"
    )
