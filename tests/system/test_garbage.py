"""Objects that stay are not looked through again and again."""

import subprocess
import sys

import pytest

COUNT = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count()))  # runs last
if sys.argv[1] == "rarely":
    from packsight.system.garbage import collect_rarely
    collect_rarely()
gc.collect()
before = sum(part["collections"] for part in gc.get_stats())
kept = [[] for _ in range(50_000)]
print(sum(part["collections"] for part in gc.get_stats()) - before)
"""


@pytest.mark.parametrize("how", ["rarely", "ordinarily"])
def test_garbage_is_looked_for_rarely_and_not_at_the_end(how):
    command = [sys.executable, "-c", COUNT, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    searches, left_alone = map(int, done.stdout.split())
    if how == "rarely":
        assert searches == 0
        assert left_alone > 50_000
    else:
        assert searches > 0
        assert left_alone == 0
