"""What the line's file holds beside its code, read."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision
from packsight.decision.stored import restored
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import SHAPES, unpack_belts
from packsight.line.view import View
from packsight.system.files import UNFIT

FORMAT = 1
LINE = "line.json"  # parts, views and what is told of them
DECISION = "decision.json"
REFERENCE = "reference.json"
PARITY = "parity.json"
REQUIREMENTS = "requirements.txt"
CARD = "MODEL_CARD.md"
REMEDY = "copy it again from where it is whole, or export it again"


@dataclass(frozen=True)
class Archive:
    """The content of a line's file."""

    parts: Mapping[str, tuple[str, ...]]  # the networks' files of each camera, or of a pair
    networks: Mapping[str, bytes]  # ONNX, by file
    views: Mapping[str, View]  # of each network's file
    fusion: LateFusion | None
    decision: Decision | None
    told: Mapping[str, Any]  # what line.json says beside: versions, runs, precision
    reference: Mapping[str, Any]  # empty where there is none


def read_archive(file: Path) -> Archive:
    """Read a line's file whole. Raises UserError where it is missing, damaged or another's."""
    try:
        with zipfile.ZipFile(file) as opened:
            return _read(opened, file)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror or error}); {REMEDY}.") from error
    except (*UNFIT, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{file} is damaged, or no line's file ({told}); {REMEDY}.") from error


def read_text(file: Path, name: str) -> str:
    """A text of the archive, such as its requirements; "" where it has none."""
    with zipfile.ZipFile(file) as opened:
        return opened.read(name).decode() if name in opened.namelist() else ""


def _read(opened: zipfile.ZipFile, file: Path) -> Archive:
    held = set(opened.namelist())
    told = json.loads(opened.read(LINE))
    if told["format"] != FORMAT:
        raise UserError(
            f"{file} has format {told['format']}, and this packsight reads {FORMAT}; export it "
            "again."
        )
    views = [View.from_dict(of, _belts(opened, of["belts"])) for of in told["views"]]
    networks = {name: opened.read(name) for name in told["networks"]}
    fusion = told["fusion"]
    return Archive(
        {part: tuple(names) for part, names in told["parts"].items()},
        networks,
        {name: views[of["view"]] for name, of in told["networks"].items()},
        None if fusion is None else restored(LateFusion, fusion),
        Decision.from_dict(json.loads(opened.read(DECISION))) if DECISION in held else None,
        told["told"],
        json.loads(opened.read(REFERENCE)) if REFERENCE in held else {},
    )


def belt_file(folder: str, camera: str, array: str) -> str:
    """Where an array of a camera's belt lies in the archive."""
    return f"{folder}/{camera}.{array}.npy"


def _belts(opened: zipfile.ZipFile, folders: Mapping[str, str]) -> dict[str, BeltModel]:
    arrays = {}
    for camera, folder in folders.items():
        for name in SHAPES:
            content = io.BytesIO(opened.read(belt_file(folder, camera, name)))
            arrays[f"{camera}.{name}"] = np.load(content, allow_pickle=False)
    return unpack_belts(arrays)
