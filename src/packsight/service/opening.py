"""The options that every command of a line's file has, and the line that they open."""

import argparse
import sys
from pathlib import Path

from packsight.errors import UserError
from packsight.line.model import LineModel
from packsight.line.session import PROVIDERS


def add_line_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the line")
    group.add_argument(
        "--line", type=Path, metavar="FILE",
        help="a line's file, as export made it (default: the one that holds this command)",
    )  # fmt: skip
    group.add_argument(
        "--provider", choices=[*PROVIDERS], default="cpu",
        help="what computes: openvino needs the package onnxruntime-openvino (default: cpu)",
    )  # fmt: skip


def add_name_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("names of images")
    group.add_argument(
        "--pattern",
        help="how paths tell serial and camera, such as '{camera}/{serial}' (default: files "
        "are named <serial>_<top|side>.<suffix>)",
    )
    group.add_argument("--camera", help="top or side: took the images whose name tells no camera")


def open_line(args: argparse.Namespace, threads: int = 0) -> LineModel:
    """The line that the options say; that it has no decision is told at every start."""
    if args.line is None:
        raise UserError("no line's file was given; start the file itself, or give --line FILE.")
    model = LineModel.open(args.line, threads=threads, provider=args.provider)
    if warning := model.description.get("warning"):
        print(warning, file=sys.stderr)
    return model
