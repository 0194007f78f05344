"""Freed memory is used again, in this process and in those that it starts."""

import os
import platform
import subprocess
import sys

import pytest

from packsight.system.malloc import KEEP

COUNT = """
import resource, subprocess, sys
import numpy as np
if sys.argv[1] == "keep":
    from packsight.system.malloc import keep_freed_memory
    keep_freed_memory()
for turn in range(6):
    block = np.ones(4_000_000)
    del block
    if turn == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
if sys.argv[1] == "keep":
    subprocess.run([sys.executable, "-c", sys.argv[2], "child"], check=True)
"""


def faults(how: str, **environment: str) -> list[int]:
    """Pages that the system had to clear for five blocks of 32 MB, after a first one."""
    clean = {key: value for key, value in os.environ.items() if key not in KEEP}
    command = [sys.executable, "-c", COUNT, how, COUNT]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True,
        # Small pages, not the large ones that NumPy asks for where the system has them.
        env=clean | {"NUMPY_MADVISE_HUGEPAGE": "0"} | environment,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_freed_memory_is_used_again_unless_the_user_says_otherwise():
    [given_back] = faults("leave")
    mine, childs = faults("keep")
    assert max(mine, childs) < given_back / 20
    for said in ({"MALLOC_MMAP_MAX_": "65536"}, {"GLIBC_TUNABLES": "glibc.malloc.perturb=0"}):
        assert faults("keep", **said)[0] > given_back / 2
