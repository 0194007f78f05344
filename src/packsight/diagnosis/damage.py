"""What of the runs, the prepared data and the caches cannot be read as it was written."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from packsight.configuration.stored import read_config
from packsight.diagnosis.finding import Finding, Kind
from packsight.errors import UserError
from packsight.preparation.manifest import NAME, read_manifest
from packsight.preparation.prepared import SUMMARY
from packsight.system.files import read_json, reading, sha256
from packsight.system.tables import read_table

CACHE_REMEDY = "it is made again when it is needed"
SHOWN = 3  # images that are named
UNPACKED = re.compile(r"[0-9a-f]{16}")  # see preparation.prepared.load_data


def find_damage(outputs: Path) -> Iterator[Finding]:
    """Everything damaged below `outputs`."""
    for status in sorted(outputs.rglob("status.json")):
        yield from _told(Kind.RUN, status.parent, check_run)
    for data in sorted((outputs / "data").glob("*")):
        if data.suffix == ".zip":
            yield from _told(Kind.DATA, data, check_zip)
        elif (data / NAME).is_file():
            yield from _told(Kind.DATA, data, check_prepared)
    for file in sorted((outputs / "cache").glob("[!.]*")):
        yield from _told(Kind.CACHE, file, check_cache)


def check_run(run: Path) -> None:
    """Raise UserError where a run's records, results or checkpoints cannot be read."""
    state = read_json(run / "status.json", ["state"])["state"]
    read_config(run)
    if state == "done":
        read_json(run / "metrics.json", ["val"])
        read_table(run / "predictions.csv", ["serial", "probability"])
        if not (run / "checkpoints" / "best.ckpt").is_file():
            raise UserError(f"{run} is done and has no checkpoints/best.ckpt; train it again.")
    for checkpoint in sorted((run / "checkpoints").glob("[!.]*.ckpt")):
        check_zip(checkpoint)
        from packsight.models.weights import read_checkpoint

        read_checkpoint(checkpoint)


def check_prepared(data: Path) -> None:
    """Raise UserError where the manifest cannot be read, or images are not those that it names."""
    read_json(data / SUMMARY, ["fingerprint"])
    table = read_manifest(data)
    wrong = []
    for name, content in zip(table["path"], table["sha256"], strict=True):
        file = data / name
        if not file.is_file() or sha256(file) != content:
            wrong.append(name)
    wrong += [name for name in table["mask"] if name and not (data / name).is_file()]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" * (len(wrong) > SHOWN)
        raise UserError(
            f"{len(wrong)} of its images and masks are missing or not what {data / NAME} says "
            f"({', '.join(wrong[:SHOWN])}{more}); prepare them again."
        )


def check_zip(file: Path) -> None:
    """Raise UserError where a zip, which a checkpoint is too, does not give what was put in."""
    with reading(file, "a whole archive", "restore it from a copy, or make it again"):
        try:
            with zipfile.ZipFile(file) as opened:
                bad = opened.testzip()
        except zipfile.BadZipFile as error:
            raise ValueError(error) from error
        if bad is not None:
            raise ValueError(f"{bad} is not what was written")


def check_cache(file: Path) -> None:
    """Raise UserError where something in the cache cannot be read."""
    if UNPACKED.fullmatch(file.name) and file.is_dir():
        for manifest in (*file.glob(NAME), *file.glob(f"*/{NAME}")):
            check_prepared(manifest.parent)
    elif file.suffix == ".json":
        read_json(file, remedy=CACHE_REMEDY)
    elif file.suffix == ".npy":
        import numpy as np

        with reading(file, "an array", CACHE_REMEDY):
            try:
                np.load(file, mmap_mode="r")
            except (EOFError, AttributeError, SyntaxError) as error:  # of a header
                raise ValueError(error) from error
    elif file.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        with reading(file, "features", CACHE_REMEDY):
            try:
                safe_open(file, "numpy").__enter__()
            except SafetensorError as error:
                raise ValueError(error) from error


def _told(kind: Kind, path: Path, check: Callable[[Path], None]) -> Iterator[Finding]:
    """What a check has to say, or why it could not look."""
    try:
        check(path)
    except UserError as error:
        told = str(error).removesuffix(".")
        if kind == Kind.CACHE and CACHE_REMEDY not in told:
            told = f"{told}; {CACHE_REMEDY}"
        yield Finding(kind, str(path), told)
    except Exception as error:  # not damaged, for all that is known; the rest is still looked at
        yield Finding(Kind.UNREAD, str(path), f"{type(error).__name__}: {error}")
