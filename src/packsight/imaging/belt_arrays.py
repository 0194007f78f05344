"""Models of belts as plain arrays, for files and checkpoints."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from packsight.imaging.belt import BAND, CELLS, WORDS, Array, BeltModel

SHAPES = {"words": (CELLS[0] // BAND, WORDS, 8), "scale": (CELLS[0] // BAND,), "limits": (2,)}


def pack_belts(belts: Mapping[str, BeltModel]) -> dict[str, Array]:
    """All models as arrays, for a file or a checkpoint."""
    return {
        f"{camera}.{name}": value
        for camera, belt in belts.items()
        for name, value in (
            ("words", belt.words),
            ("scale", belt.scale),
            ("limits", np.array([belt.grow, belt.seed], np.float32)),
        )
    }


def unpack_belts(arrays: Mapping[str, Any]) -> dict[str, BeltModel]:
    """The inverse of `pack_belts`; takes CPU tensors too.

    Raises KeyError, TypeError or ValueError for what it never gives.
    """
    parts: dict[str, dict[str, Array]] = {}
    for key, value in arrays.items():
        camera, name = key.split(".")
        array = np.asarray(value)
        if array.shape != SHAPES[name]:
            raise ValueError(f"{key} has the shape {array.shape}, not {SHAPES[name]}")
        if not np.isfinite(array).all():
            raise ValueError(f"{key} holds values that are no numbers")
        parts.setdefault(camera, {})[name] = array
    return {
        camera: BeltModel(part["words"], part["scale"], *part["limits"].tolist())
        for camera, part in parts.items()
    }
