"""`score`: images in files and folders to a verdict per package."""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from packsight.errors import UserError
from packsight.line.verdict import Verdict
from packsight.service.folder import layout_of, packages_in
from packsight.service.opening import add_line_options, add_name_options, open_line
from packsight.system.files import replacing

OF_PACKAGE = ["serial", "decision", "reason", "score", "probability", "cameras"]
OF_IMAGE = ["path", "score", "crop", "error"]
EXAMPLES = """examples
  python line7.pyz score images/
  python line7.pyz score images/ --output verdicts.csv
  python line7.pyz score a_top.png a_side.png --format jsonl
  python line7.pyz score shift/ --pattern '{camera}/{serial}'

A package is decided from the images of its serial. An image that cannot be read is told in its
package's error; the exit code is 2 where not one image could be scored.
"""


def register(commands: Any) -> None:
    """Add the command to argparse's subcommands."""
    parser = commands.add_parser(
        "score", help="decide on the packages whose images lie in files or folders",
        description="Decide on the packages whose images lie in files or folders.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("sources", nargs="+", type=Path, help="images, or folders of them")
    parser.add_argument(
        "--format", choices=["csv", "jsonl"], default="csv",
        help="a row, or a JSON object with all that is known, per package (default: csv)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help="the file to write; default: standard output")
    parser.add_argument(
        "--workers", type=_number, default=os.cpu_count() or 1,
        help="packages that are computed at once, each on one core (default: all cores)",
    )  # fmt: skip
    add_name_options(parser)
    add_line_options(parser)
    parser.set_defaults(run=run)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Write the verdicts; say on standard error what was left out."""
    model = open_line(args, threads=1)
    layout = layout_of(args.pattern, args.camera)
    found = packages_in(args.sources, layout, args.camera, model.cameras)
    for file, reason in found.left_out:
        print(f"left out: {file}: {reason}", file=sys.stderr)
    scored, first = 0, ""
    with _opened(args.output) as out:
        verdicts = model.decide_all(found.images.items(), args.workers)
        for verdict in _written(verdicts, out, args.format, model.cameras):
            scored += verdict.score is not None
            first = first or next((i.error for i in verdict.images if i.error), "")
    if not scored:
        reason = first or (found.left_out[0][1] if found.left_out else "there is none")
        raise UserError(f"not one image could be scored; of the first: {reason}.")
    return 0


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        yield file


def _written(
    verdicts: Iterator[Verdict], out: TextIO, kind: str, cameras: Sequence[str]
) -> Iterator[Verdict]:
    """The same verdicts, each once it is written."""
    rows = csv.writer(out)
    if kind == "csv":
        rows.writerow(OF_PACKAGE + [f"{camera}_{name}" for camera in cameras for name in OF_IMAGE])
    for verdict in verdicts:
        if kind == "csv":
            images = {image.camera: image for image in verdict.images}
            rows.writerow(
                [getattr(verdict, name) for name in OF_PACKAGE]
                + [getattr(images.get(camera), name, "") for camera in cameras for name in OF_IMAGE]
            )
        else:
            out.write(json.dumps(verdict.to_dict()) + "\n")
        yield verdict
