"""Memory that tensors leave, kept for the next step's."""

import ctypes
import os
import sys

# Variables of glibc's malloc: the number that mallopt(3) has for each, and the value.
KEEP = {"MALLOC_MMAP_MAX_": (-4, 0), "MALLOC_TRIM_THRESHOLD_": (-1, -1)}


def keep_freed_memory() -> None:
    """Let this process, and those that it starts, reuse freed memory however large a block is.

    glibc hands blocks of megabytes back to the system, which has to clear every page of the next
    one: on a CPU, where each layer's output is such a block, up to a third of a training step.
    Where one of the variables is set already, that counts; other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None or os.environ.keys() & KEEP:
        return
    for variable, (option, value) in KEEP.items():
        mallopt(option, value)
        os.environ[variable] = str(value)
