"""A run's folder: its name, its state, and what a run in progress records."""

import hashlib
import json
import platform
import shutil
import subprocess
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from packsight.errors import UserError
from packsight.files import read_json, replacing, write_json

LIBRARIES = ("torch", "torchvision", "timm", "lightning", "opencv-python-headless", "numpy",
             "packsight")  # fmt: skip
# What has a place of its own in the folder's name, or cannot change the result.
NAMED = ("name", "data.name", "data.fold", "manifest", "model.backbone", "perspective",
         "precision", "seed")  # fmt: skip
INERT = ("outputs", "folder", "variant", "logger", "data.source", "data.num_workers",
         "data.cache_gb", "data.max_unpacked_gb", "data.overwrite")  # fmt: skip


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain values, with nothing left to interpolate."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as {"a.b": value}."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _without(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: value
        for key, value in flat(config).items()
        if not any(key == left_out or key.startswith(f"{left_out}.") for left_out in keys)
    }


def _hash(content: Any, length: int) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def variant(config: dict[str, Any], defaults: dict[str, Any]) -> str:
    """A short hash of what differs from the defaults and has no place in the folder's name.

    Empty if nothing does, so that ordinary runs have plain names.
    """
    own, usual = _without(config, NAMED + INERT), _without(defaults, NAMED + INERT)
    different = {key: own.get(key) for key in own | usual if own.get(key) != usual.get(key)}
    return _hash(different, 6) if different else ""


def config_hash(config: dict[str, Any]) -> str:
    """A hash of everything that determines a run's result, the data's manifest among it."""
    return _hash(_without(config, INERT), 16)


def run_folder(cfg: DictConfig) -> Path:
    """outputs/<name>/<data>/<backbone>/<perspective>/<precision>/<part>_seed<s>[_<variant>]."""
    part = "split" if cfg.data.fold is None else f"fold{cfg.data.fold}"
    last = f"{part}_seed{cfg.seed}" + (f"_{cfg.variant}" if cfg.variant else "")
    return Path(
        cfg.outputs, cfg.name, cfg.data.name, cfg.model.backbone, cfg.perspective.name,
        cfg.precision.name, last,
    )  # fmt: skip


@contextmanager
def recorded(folder: Path, config: dict[str, Any]) -> Iterator[None]:
    """Keep status.json true while a run is at work: running, then done, or failed with its error.

    What an unfinished run left in the folder is removed first.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with replacing(folder / "config.yaml") as temporary:
        OmegaConf.save(OmegaConf.create(config), temporary)
    write_json(folder / "environment.json", environment())
    status: dict[str, Any] = {
        "state": "running",
        "config_hash": config_hash(config),
        "started": _now(),
        "finished": None,
        "seconds": None,
        "error": None,
    }
    write_json(folder / "status.json", status)
    clock = time.monotonic()
    try:
        yield
        status["state"] = "done"
    except BaseException as error:
        status["state"] = "failed"
        status["error"] = f"{type(error).__name__}: {error}"
        status["traceback"] = traceback.format_exc()
        raise
    finally:
        status |= {"finished": _now(), "seconds": round(time.monotonic() - clock, 1)}
        write_json(folder / "status.json", status)


def is_done(folder: Path, config: dict[str, Any]) -> bool:
    """Whether the run stands finished. Raises UserError if another one stands in its place."""
    if not (folder / "status.json").is_file():
        return False
    status = read_json(folder / "status.json")
    if status["state"] == "done" and status["config_hash"] != config_hash(config):
        raise UserError(
            f"{folder} holds a finished run with another configuration or other data; "
            "give this one another name=, or remove that folder."
        )
    return status["state"] == "done"


def environment() -> dict[str, Any]:
    """Versions, hardware, and the git commit of the working directory."""
    import torch  # takes seconds, and a folder's name does without

    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {library: metadata.version(library) for library in LIBRARIES},
        "git": {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))},
    }


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
