"""Run a command and write what it used: launcher.py <file> <command …>.

A process of its own, and a small one: Linux takes the memory of whoever starts a process for that
process's peak.
"""

import json
import os
import subprocess
import sys
import time


def main(file: str, *command: str) -> int:
    """Give the exit code; the file gets seconds, CPU seconds, peak memory and when it began."""
    started = time.time()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    used = {
        "started": started,
        "seconds": time.time() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    with open(file, "w", encoding="utf-8") as opened:  # noqa: PTH123 (pathlib is memory too)
        json.dump(used, opened)
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
