"""Shared by all tests: few threads, no network look-ups, configurations, small prepared data."""

import logging
import os
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from rich.console import Console, RenderableType

import packsight.cli  # noqa: F401  (registers the resolvers that the configurations use)

ROOT = Path(__file__).resolve().parents[1]

# pytest-xdist runs a worker per core; more threads than that would only wait for each other.
torch.set_num_threads(1)
# What a shell script starts in the background ignores SIGINT, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The files that take longest begin first, or a worker would end with one of them alone.
LONG = ("test_readme.py", "test_resume.py", "test_line_file.py", "test_served.py",
        "test_one_truth.py", "test_end_to_end.py", "test_bursts.py")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(autouse=True)
def heard() -> None:
    """The line's log is heard, though Hydra silences all loggers that it finds in a process."""
    log = logging.getLogger("packsight.watch")
    log.disabled = False
    log.setLevel(logging.INFO)


@pytest.fixture
def config() -> Callable[..., DictConfig]:
    """Compose a real configuration: config("train", "model=resnet")."""

    def build(name: str, *overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            return compose(name, list(overrides))

    return build


def mutations(raw: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Damaged copies of a file: bits flipped, cut, bytes taken out, repeated, zeroed or random."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        content = bytearray(raw)
        place, length = int(rng.integers(len(raw))), int(2 ** rng.uniform(0, 8))
        match number % 6:
            case 0:
                content[place] ^= 1 << int(rng.integers(8))
            case 1:
                del content[place:]
            case 2:
                del content[place : place + length]
            case 3:
                content[place:place] = content[place : place + length]
            case 4:
                content[place : place + length] = bytes(min(length, len(raw) - place))
            case 5:
                content[place : place + length] = rng.bytes(min(length, len(raw) - place))
        yield bytes(content)


@pytest.fixture(scope="session")
def mutated() -> Callable[[bytes, int, int], Iterator[bytes]]:
    """Damaged copies of a file: mutated(raw, count, seed)."""
    return mutations


@pytest.fixture(scope="session")
def script() -> Callable[..., int]:
    """Run a script as its users do, but in this process: script("train", "seed=1", cwd=folder).

    Returns the exit code.
    """

    def run(name: str, *arguments: str, cwd: Path) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "argv", [f"{name}.py", *arguments])
            try:
                runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")
            except SystemExit as stop:
                return int(stop.code or 0)
            return 0

    return run


@pytest.fixture
def printed() -> Callable[..., list[str]]:
    """The lines of what is printed in a terminal: printed(table, width=80)."""

    def lines(renderable: RenderableType, width: int = 80) -> list[str]:
        console = Console(width=width, file=StringIO())
        console.print(renderable)
        return console.file.getvalue().splitlines()

    return lines


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    """Raw images of 16 rendered packages, as a zip in the real layout."""
    from packsight.sample.render import render_sample
    from packsight.system.archive import pack

    folder = tmp_path_factory.mktemp("sample")
    render_sample(folder / "raw", packages=16, seed=3, workers=1)
    files = [file for file in (folder / "raw").rglob("*") if file.is_file()]
    pack(folder / "raw-data.zip", folder / "raw", files)
    return folder / "raw-data.zip"
