"""The service as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FAKE = Path(__file__).resolve().with_name("fake_line.py")
SRC = FAKE.parents[1] / "src"


class Service:
    """The service's process, that is started again whenever it was killed."""

    def __init__(self, folder: Path, program: Sequence[object], *options: object) -> None:
        self.log = folder / "log.txt"
        self.command = [sys.executable, *map(str, program), *map(str, options)]
        self.start()

    def start(self) -> None:
        path = os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")])
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, stderr=log, env=os.environ | {"PYTHONPATH": path}
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def memory(self) -> float:
        """MB that the process holds."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")
