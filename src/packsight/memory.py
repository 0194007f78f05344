"""Memory that tensors leave, kept for the next step's."""

import os
import sys

# Variables of glibc's malloc: no block is mapped apart, and nothing freed is handed back.
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}


def keep_freed_memory() -> None:
    """Begin this process anew with a malloc that uses freed memory again, however large a block.

    glibc hands blocks of megabytes back to the system, which has to clear every page of the next
    one: on a CPU, where each layer's output is such a block, 10 to 25 % of a bf16 step. It
    reads its variables when a process begins; those that this one starts inherit them. Where one
    is set already, that counts; other C libraries are left alone.
    """
    glibc = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
    if sys.platform != "linux" or not glibc or os.environ.keys() & KEEP:
        return
    os.environ.update(KEEP)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
