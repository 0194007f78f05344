"""What packsight has to work with: versions, the machine, its streams and its settings."""

import os
import platform
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from packsight import __version__
from packsight.diagnosis.devices import devices
from packsight.diagnosis.hub import ask_hub

LIBRARIES = ("torch", "torchvision", "lightning", "timm", "hydra-core", "omegaconf", "pydantic",
             "albumentations", "opencv-python-headless", "pillow", "numpy", "pandas",
             "scikit-learn", "captum", "huggingface-hub")  # fmt: skip
# What changes how a process runs, and is nobody's secret.
VARIABLES = ("CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_OFFLINE", "LANG", "LC_ALL", "LOCAL_RANK",
             "NO_COLOR", "OMP_NUM_THREADS", "PYTHONHASHSEED", "PYTHONIOENCODING",
             "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONWARNINGS", "RANK", "SLURM_JOB_ID", "TERM",
             "TMPDIR", "WORLD_SIZE")  # fmt: skip
SIGNS = "×…→"  # that packsight's output has


def examine(outputs: Path) -> dict[str, dict[str, Any]]:
    """Sections of names and plain values; what cannot be found out says why in its place."""
    return {
        "versions": versions(),
        "devices": devices(),
        "machine": machine(),
        "disks": {
            f"{outputs} (outputs)": room(outputs.absolute()),
            "temporary files": temporary_room(),
        },
        "terminal": terminal(),
        "network": {"model hub": ask_hub()},
        "extras": extras(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def versions() -> dict[str, str]:
    python = {"packsight": __version__, "python": platform.python_version()}
    return python | {library: _version(library) for library in LIBRARIES}


def machine() -> dict[str, Any]:
    """System, cores, and memory in bytes; None where the system does not tell."""
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "cores for this process": _own_cores(),
        "memory": _memory("MemTotal"),
        "memory free": _memory("MemAvailable"),
        "memory allowed": _allowed_memory(),
    }


def room(folder: Path) -> str:
    """How much is free where a folder is or would be, and whether it can be written to."""
    for place in (folder, *folder.parents):
        if place.exists():
            try:
                free = shutil.disk_usage(place).free
            except OSError as error:
                return f"cannot be asked ({error.strerror})"
            able = os.access(place, os.W_OK | os.X_OK) and place.is_dir()
            return f"{free / 1e9:,.1f} GB free" + ("" if able else ", cannot be written to")
    return "there is no such place"


def temporary_room() -> str:
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        return f"none ({error.strerror}); set TMPDIR"
    return f"{folder}: {room(folder)}"


def terminal() -> dict[str, Any]:
    """What standard output can show."""
    stream = sys.__stdout__
    if stream is None:
        return {"standard output": "closed"}
    signs = "yes"
    try:
        SIGNS.encode(stream.encoding)
    except (UnicodeEncodeError, LookupError):
        signs = f"no: plainer ones stand for {SIGNS}"
    return {
        "standard output": "a terminal" if _is_terminal(stream) else "no terminal",
        "encoding": stream.encoding,
        "file names": sys.getfilesystemencoding(),
        "all signs": signs,
        "width": shutil.get_terminal_size().columns,
    }


def extras() -> dict[str, str]:
    """Which of packsight's extras are installed, and what the others lack."""
    try:
        required = metadata.requires("packsight") or []
    except metadata.PackageNotFoundError:
        return {"packsight": "is not installed: it runs from a folder of its code"}
    lacking: dict[str, list[str]] = {}
    for line in required:
        found = re.fullmatch(r"([\w.-]+)[^;]*;.*extra\s*==\s*['\"]([\w-]+)['\"].*", line)
        if found and found[1] != "packsight":
            missing = lacking.setdefault(found[2], [])
            if _version(found[1]) == ABSENT:
                missing.append(found[1])
    return {
        name: f"lacks {', '.join(missing)}" if missing else "installed"
        for name, missing in sorted(lacking.items())
    }


ABSENT = "not installed"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ABSENT


def _own_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory(name: str) -> int | None:
    """Bytes by their name in Linux's /proc/meminfo."""
    with suppress(OSError, ValueError):
        found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    return None


def _allowed_memory() -> int | None:
    """Bytes that a container lets this process have; None for all."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            allowed = int(Path(file).read_text())
            return allowed if allowed < 1 << 60 else None
    return None


def _is_terminal(stream: Any) -> bool:
    with suppress(OSError, ValueError):
        return bool(stream.isatty())
    return False
