"""A process that works for another ends when that one does."""

import os
import subprocess
import sys
import time

import pytest

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), end="", flush=True)
input()
"""
CHILD = """
import os, signal, sys, time
from packsight.system import workers
workers.GRACE_S = 0.1
workers.end_with_parent()
if STUBBORN:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_process_ends_with_the_one_that_started_it(stubborn):
    code = CHILD.replace("STUBBORN", str(stubborn))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        with open(f"/proc/{child}/stat") as file:  # noqa: PTH123
            if ") Z " in file.read():
                return
        time.sleep(0.1)
    pytest.fail("it lives")
