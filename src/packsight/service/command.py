"""The command of a line's file: `python line7.pyz <score|watch>`; it needs no torch.

Each command is a module with `register`, which adds it and sets `run`, a function of its arguments
that returns the exit code.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from packsight import __version__
from packsight.errors import UserError
from packsight.line.archive import REQUIREMENTS, read_text
from packsight.service import review, score, watch
from packsight.system.streams import make_sturdy

COMMANDS = (score, watch, review)
MISTAKE = 2  # the exit code of what its user can mend


class Parser(argparse.ArgumentParser):
    """Tells a mistake in a sentence, without the usage of all that could have been typed."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKE, f"error: {message}; {self.prog} --help explains.\n")


def main(arguments: Sequence[str] | None = None, archive: Path | None = None) -> int:
    """Run a command of the line's file `archive`; return the exit code."""
    make_sturdy()  # a log is heard also while an image is decoded in another thread
    parser = _parser(archive.name if archive else "line")
    args = parser.parse_args(arguments)
    try:
        if args.requirements:
            if archive is None:
                raise UserError("--requirements is told by a line's file; start that.")
            print(read_text(archive, REQUIREMENTS), end="")
            return 0
        if args.command is None:
            parser.print_help()
            return 0
        args.line = args.line or archive
        return int(args.run(args))
    except UserError as mistake:
        # Elsewhere a pattern is a setting of that name.
        told = str(mistake).replace("layout.pattern=", "--pattern ")
        print(f"error: {told}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # nobody reads on
        sys.stderr.close()
        return 1


def _parser(name: str) -> Parser:
    parser = Parser(
        prog=name,
        description="Tell damaged packages on a line: accept, reject or inspect. Needs NumPy, "
        "OpenCV, Pillow and ONNX Runtime; --requirements prints the versions.",
    )
    parser.add_argument("--version", action="version", version=f"packsight {__version__}")
    parser.add_argument(
        "--requirements", action="store_true",
        help="print what pip installs for it: python line7.pyz --requirements > requirements.txt",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="command")
    for command in COMMANDS:
        command.register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
