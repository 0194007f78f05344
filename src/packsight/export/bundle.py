"""The line's file: an executable Python archive, the same bytes for the same content."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from packsight import __version__
from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision
from packsight.export.modules import closure
from packsight.imaging.belt_arrays import pack_belts
from packsight.line.archive import CARD, DECISION, FORMAT, LINE, REQUIREMENTS, belt_file
from packsight.line.view import View

COMMAND = "packsight.service.command"
NEEDED = ("numpy", "opencv-python-headless", "pillow", "onnxruntime")
SHEBANG = b"#!/usr/bin/env python3\n"
START = f'''"""What starts when this file does: python line.pyz --help"""

import sys
from pathlib import Path

from {COMMAND} import main

sys.exit(main(archive=Path(__file__).resolve().parent))
'''
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time of every member, so that equal content is equal bytes
EXECUTABLE, PLAIN = 0o100755, 0o100644


@dataclass(frozen=True)
class Contents:
    """What a line's file holds beside networks and code."""

    parts: Mapping[str, tuple[str, ...]]  # the networks' files of each camera, or of a pair
    views: Sequence[View]  # those that differ
    view_of: Mapping[str, int]  # of each network's file its place among the views
    fusion: LateFusion | None
    decision: Decision | None
    told: Mapping[str, Any]  # of the models: runs, precision, mirror images
    card: str = ""  # MODEL_CARD.md


def write_bundle(file: Path, contents: Contents, networks: Mapping[str, bytes]) -> None:
    """Write a line's file without what is measured on it, which `add` adds."""
    file.write_bytes(SHEBANG)
    with zipfile.ZipFile(file, "a") as opened:
        for name, content in {"__main__.py": START.encode(), **closure(COMMAND)}.items():
            _put(opened, name, content)
        for number, view in enumerate(contents.views):
            for name, array in pack_belts(view.belts).items():
                buffer = io.BytesIO()
                np.save(buffer, array)
                _put(opened, belt_file(_folder(number), *name.split(".")), buffer.getvalue())
        _put(opened, LINE, _json(_line(contents)))
        _put(opened, REQUIREMENTS, requirements().encode())
        if contents.decision is not None:
            _put(opened, DECISION, _json(contents.decision.to_dict()))
        if contents.card:
            _put(opened, CARD, contents.card.encode())
        for name, content in networks.items():
            # Weights hardly shrink, and what is not compressed is read at once.
            _put(opened, name, content, zipfile.ZIP_STORED)
    file.chmod(0o755)


def add(file: Path, name: str, values: Any) -> None:
    """Add a JSON file."""
    with zipfile.ZipFile(file, "a") as opened:
        _put(opened, name, _json(values))


def requirements() -> str:
    """What pip installs for a line, in the versions that stand here and were verified."""
    return "".join(f"{name}=={version(name)}\n" for name in NEEDED)


def _line(contents: Contents) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "parts": {part: [*names] for part, names in contents.parts.items()},
        "networks": {name: {"view": place} for name, place in contents.view_of.items()},
        "views": [
            view.to_dict() | {"belts": dict.fromkeys(view.belts, _folder(number))}
            for number, view in enumerate(contents.views)
        ],
        "fusion": asdict(contents.fusion) if contents.fusion else None,
        "told": {"packsight": __version__, **contents.told},
    }


def _folder(view: int) -> str:
    return f"belts/{view}"


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()


def _put(
    opened: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_DEFLATED
) -> None:
    member = zipfile.ZipInfo(name, EARLIEST)
    member.external_attr = (EXECUTABLE if name == "__main__.py" else PLAIN) << 16
    member.compress_type = how
    opened.writestr(member, content)
