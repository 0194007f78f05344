"""`review`: a folder of the packages most worth labelling, which comes back as training data."""

import argparse
import csv
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from packsight.decision.rule import Decision
from packsight.errors import UserError
from packsight.imaging.contact_sheet import contact_sheet
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.imaging.encode import write_image
from packsight.ledger.ledger import Ledger
from packsight.line.archive import read_archive
from packsight.line.reference import Reference
from packsight.service.review_choice import Chosen, Worths, choose
from packsight.system.files import making_folder, replacing, writable, writing

LABELS, TABLE, SHEET = "to_label", "to_label.csv", "contact_sheet.jpg"
COLUMNS = (
    "file", "serial", "camera", "label", "decision", "score", "camera_score", "why", "decided_at"
)  # fmt: skip
WITHOUT_DECISION = (0.5,)
DAY_S = 86400.0
DRAWN = 60  # packages on the contact sheet
TILE = 480  # pixels of an image's width in the contact sheet
COLOURS = {"accept": (40, 120, 70), "reject": (170, 60, 40), "inspect": (150, 100, 10)}
WORDS = {"threshold": "near the threshold", "cameras": "cameras disagree",
         "drifted": "unlike validation", "inspected": "sent to inspection"}  # fmt: skip
HELP = """\
Make a folder of the packages that a model learns most from: scores near the threshold, cameras that
disagree, images unlike those of validation, packages that were sent to inspection; some of each,
spread over the time. Fill in the column `label` of to_label/to_label.csv (damaged or intact; rows
that stay empty are left out), and prepare it:

  python scripts/prepare.py data.source=review/to_label layout=table
"""


def register(commands: Any) -> None:
    """Add the command to argparse's subcommands."""
    parser = commands.add_parser(
        "review", help="make a folder of the packages most worth labelling", description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--home", type=Path, default=Path("line"), metavar="FOLDER",
        help="the service's folder, which holds its ledger (default: line)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path("review"), metavar="FOLDER",
        help="the folder to make; it must be new or empty (default: review)",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=50, help="packages at most (default: 50)")
    parser.add_argument(
        "--days", type=float, default=30.0, help="how far to look back (default: 30)"
    )
    parser.add_argument(
        "--line", type=Path, metavar="FILE",
        help="a line's file, as export made it (default: the one that holds this command)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Of the command line's arguments; say what was found."""
    if args.count < 1 or not args.days > 0:
        raise UserError(
            f"--count {args.count} and --days {args.days:g} leave nothing to review; give numbers "
            "above 0."
        )
    if args.line is None:
        raise UserError("no line's file was given; start the file itself, or give --line FILE.")
    archive = read_archive(args.line)
    reference = Reference.from_dict(archive.reference) if archive.reference else Reference({}, 0)
    chosen = review(
        args.home, args.output, args.count, args.days, thresholds(archive.decision), reference
    )
    for reason, count in Counter(one.reasons[0] for one in chosen).most_common():
        print(f"{count:5d} {WORDS[reason]}", file=sys.stderr)
    place = args.output / LABELS
    print(
        f"{len(chosen)} packages are in {place}, and on {args.output / SHEET}. Fill in the column "
        f"label of {place / TABLE}, then: "
        f"python scripts/prepare.py data.source={place} layout=table"
    )
    return 0


def thresholds(decision: Decision | None) -> tuple[float, ...]:
    """Those of a decision on the raw score."""
    return (decision.accept_below, decision.reject_from) if decision else WITHOUT_DECISION


def review(
    home: Path,
    output: Path,
    count: int,
    days: float,
    thresholds: Sequence[float],
    reference: Reference,
) -> list[Chosen]:
    """Choose packages of a service's ledger, and copy their images into a folder to label.

    Raises UserError where there is no ledger, nothing to choose, or the folder is not empty.
    """
    path = home / "ledger.sqlite"
    if not path.is_file():
        raise UserError(f"{path} does not exist; give the service's folder with --home.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} is not an empty folder; name another one with --output.")
    ledger = Ledger(path, read_only=True)
    try:
        since = time.time() - days * DAY_S
        first, last = next(ledger.since(since), None), ledger.recent(1)
        if first is None:
            raise UserError(f"{path} has no package of the last {days:g} days; give more --days.")
        worths = Worths(thresholds, reference)
        # More than are wanted, for some of their files may be gone.
        found = choose(ledger.since(since), worths, 2 * count, first.at, last[0].at)
    finally:
        ledger.close()
    usable = [
        one for one in found if any(Path(file).is_file() for file in one.entry.files.values())
    ]
    chosen = usable[:count]
    if not chosen:
        what = "the images of what would be are gone" if found else "none stands out"
        raise UserError(f"of {path} no package can be reviewed: {what}; give more --days.")
    _write(chosen, writable(making_folder(output / LABELS)))
    _draw(chosen, output / SHEET)
    return chosen


def _write(chosen: Sequence[Chosen], folder: Path) -> None:
    """Copies of the images, and the table that waits for labels."""
    rows = []
    for one in chosen:
        verdict = one.entry.verdict
        for camera, file in sorted(one.entry.files.items()):
            source = Path(file)
            if not source.is_file():
                continue
            copy = folder / f"{verdict.serial}_{camera}{source.suffix.lower()}"
            with replacing(copy) as temporary:
                shutil.copyfile(source, temporary)
            seen = {image.camera: image.score for image in verdict.images}
            decided = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.entry.at))
            rows.append([
                copy.name, verdict.serial, camera, "", verdict.decision, _score(verdict.score),
                _score(seen.get(camera)), "; ".join(WORDS[why] for why in one.reasons), decided,
            ])  # fmt: skip
    with (
        replacing(folder / TABLE) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as opened,
    ):
        table = csv.writer(opened)
        table.writerow(COLUMNS)
        table.writerows(rows)


def _draw(chosen: Sequence[Chosen], file: Path) -> None:
    """The first of them on one page, a package's cameras side by side."""
    panels, captions, colours = [], [], []
    for one in chosen[:DRAWN]:
        verdict = one.entry.verdict
        images = [_small(Path(path)) for _, path in sorted(one.entry.files.items(), reverse=True)]
        panels.append(np.hstack([*images, *[np.full_like(images[0], 60)] * (2 - len(images))]))
        why = ", ".join(WORDS[reason] for reason in one.reasons)
        captions.append(f"{verdict.serial}\n{verdict.decision} {_score(verdict.score)}: {why}")
        colours.append(COLOURS.get(verdict.decision, (80, 80, 80)))
    with replacing(file) as temporary, writing(file):
        write_image(temporary, contact_sheet(panels, captions, 3, 2 * TILE, colours))


def _small(path: Path) -> np.ndarray:
    """An image at the sheet's size; grey where there is none."""
    size = TILE, TILE * 9 // 16
    try:
        return cv2.resize(read_rgb(path), size, interpolation=cv2.INTER_AREA)
    except UnusableImageError:
        return np.full((size[1], size[0], 3), 60, np.uint8)


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
