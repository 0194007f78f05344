"""Arrays in a safetensors file that tells whether they are still as they were written."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from packsight.system.files import RESTORE, reading, replacing

DIGEST = "sha256"


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays, and the digest of their names, types, shapes and values."""
    with replacing(path) as temporary:
        save_file(dict(arrays), temporary, {DIGEST: _digest(arrays)})


def load_arrays(path: Path, kind: str, remedy: str = RESTORE) -> dict[str, np.ndarray]:
    """The inverse. Raises UserError, which ends in the `remedy`, if the file is not as it was.

    A file of an older version, which has no digest, is taken as it is.
    """
    with reading(path, kind, remedy), as_values():
        with safe_open(path, "np") as file:
            said = (file.metadata() or {}).get(DIGEST)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if said is not None and said != _digest(arrays):
            raise ValueError("its values are not those that were written")
    return arrays


@contextmanager
def as_values() -> Iterator[None]:
    """Tell of a damaged safetensors file in Python's own kind of error, which `reading` knows."""
    try:
        yield
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
