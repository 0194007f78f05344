"""TensorBoard over all runs, under names of what differs between them.

TensorBoard names a run by its path below the folder that it is given. So it is given a folder of
links, which is kept true while it runs.
"""

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from packsight.errors import UserError
from packsight.system.files import making_folder

EVERY = 5  # seconds between two looks for new runs; TensorBoard looks as often
RUNS = "*/*/*/*/*/*/tensorboard"  # name/data/backbone/perspective/precision/part_seed_variant


def short_names(runs: Sequence[Path]) -> dict[str, Path]:
    """{what differs between the runs' folders: run}, all relative to outputs/."""
    rows = [[*run.parts[:-1], *run.name.split("_", 2)] for run in runs]
    columns = [*zip_longest(*rows, fillvalue="")]
    # The variant, a hash, only where nothing else tells two runs apart.
    if len(set(zip(*columns[:7], strict=True))) == len(runs):
        columns = columns[:7]
    columns = [column for column in columns if len(set(column)) > 1]
    told = [[column[row] for column in columns if column[row]] for row in range(len(runs))]
    # One that has nothing of its own is the only run, or the one without a variant.
    return {" ".join(own) or run.parts[2]: run for own, run in zip(told, runs, strict=True)}


def link_runs(outputs: Path, links: Path) -> None:
    """Make a folder hold one link for each run that TensorBoard can show, and nothing else."""
    runs = [folder.parent.relative_to(outputs) for folder in sorted(outputs.glob(RUNS))]
    wanted = {name: outputs / run / "tensorboard" for name, run in short_names(runs).items()}
    making_folder(links)
    there = {link.name: link.readlink() for link in links.iterdir()}
    for name, _ in there.items() - wanted.items():
        (links / name).unlink()
    for name, folder in wanted.items() - there.items():
        (links / name).symlink_to(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="TensorBoard over the runs of all experiments.")
    parser.add_argument("outputs", type=Path, nargs="?", default="outputs")
    parser.add_argument("--port", default="6006")
    arguments = parser.parse_args()
    outputs = arguments.outputs.resolve()
    links = outputs / "cache" / "dashboard"

    def keep_true() -> None:
        while True:
            time.sleep(EVERY)
            # A run that was removed meanwhile; the next look is right.
            with suppress(OSError, UserError):
                link_runs(outputs, links)

    from tensorboard.program import TensorBoard

    try:
        link_runs(outputs, links)
    except (UserError, OSError) as error:
        parser.error(str(error))
    threading.Thread(target=keep_true, daemon=True).start()
    board = TensorBoard()
    board.configure(argv=["", "--logdir", str(links), "--port", arguments.port,
                          "--reload_interval", str(EVERY)])  # fmt: skip
    sys.exit(board.main())


if __name__ == "__main__":
    main()
