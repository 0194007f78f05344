"""Models of belts in prepared data's belt.safetensors."""

from collections.abc import Mapping
from pathlib import Path

from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import pack_belts, unpack_belts
from packsight.system.arrays import load_arrays, save_arrays
from packsight.system.files import reading

NAME = "belt.safetensors"


def save_belts(belts: Mapping[str, BeltModel], folder: Path) -> None:
    """Write the models of all cameras to `belt.safetensors`."""
    save_arrays(folder / NAME, pack_belts(belts))


def load_belts(folder: Path) -> dict[str, BeltModel]:
    """The inverse of `save_belts`. Raises UserError if the file is missing or damaged."""
    kind, remedy = "what belts look like", "restore it from a copy, or prepare the images again"
    arrays = load_arrays(folder / NAME, kind, remedy)
    with reading(folder / NAME, kind, remedy):
        return unpack_belts(arrays)
