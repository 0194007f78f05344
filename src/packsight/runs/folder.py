"""A run's folder: its name, and what decides whether two runs are the same."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packsight import __version__
from packsight.configuration.stored import FILE, read_values
from packsight.domain import Conflict
from packsight.errors import UserError
from packsight.runs.status import State, read_status
from packsight.system.console import console
from packsight.system.files import read_json, reading

# What has a place of its own in the folder's name, or cannot change the result.
NAMED = ("name", "data.name", "data.fold", "manifest", "weights_content", "model.backbone",
         "model.architecture", "perspective", "precision", "seed")  # fmt: skip
INERT = ("name", "outputs", "folder", "variant", "measured", "logger", "run", "layout",
         "data.source", "data.split", "data.num_workers", "data.cache_gb", "data.max_unpacked_gb",
         "data.overwrite")  # fmt: skip
USUAL = {"burst": "mean"}  # keys of later versions, with what earlier runs came to without them
STORED = "."  # the folder of a configuration that is portable already
LONGEST = 100  # letters of a folder's name, of which every system takes as many
SHOWN = 5  # differences between two configurations that a message names


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as {"a.b": value}."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def portable(config: Any, folder: Path) -> Any:
    """A configuration with the paths below the run's folder relative to it, so that it can move."""
    if isinstance(config, dict):
        return {key: portable(value, folder) for key, value in config.items()}
    if not isinstance(config, str) or not Path(config).is_relative_to(folder):
        return config
    return Path(config).relative_to(folder).as_posix()


def _without(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Flat, without some keys, and with paths as they are below the run's folder."""
    if (folder := str(config.get("folder"))) != STORED:
        config = portable(config, Path(folder))
    pipeline = config.get("transforms", {}).get("pipeline") or {}
    # The order of transforms counts; all other keys are as good in any order.
    order = {"transforms.order": [name for name, part in pipeline.items() if part is not None]}
    return order | {
        key: value
        for key, value in flat(config).items()
        if not any(key == left_out or key.startswith(f"{left_out}.") for left_out in keys)
    }


def _hash(content: Any, length: int) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def variant(config: dict[str, Any], defaults: dict[str, Any]) -> str:
    """A short hash of what differs from the defaults and has no place in the folder's name.

    Empty if nothing does, so that ordinary runs have plain names.
    """
    own, usual = _without(config, NAMED + INERT), _without(defaults, NAMED + INERT)
    different = {key: own.get(key) for key in own | usual if own.get(key) != usual.get(key)}
    return _hash(different, 6) if different else ""


def config_hash(config: dict[str, Any]) -> str:
    """A hash of everything that determines a run's result, the data's manifest among it.

    What is null is as good as absent, so that a key that is new and off changes no older run; so
    is what USUAL says.
    """
    given = {
        key: value
        for key, value in _without(config, INERT).items()
        if value is not None and value != USUAL.get(key)
    }
    return _hash(given, 16)


def run_folder(config: dict[str, Any]) -> Path:
    """outputs/<name>/<data>/<backbone>/<perspective>/<precision>/<part>_seed<s>[_<variant>]."""
    data, variant = config["data"], config["variant"]
    part = "split" if data["fold"] is None else f"fold{data['fold']}"
    last = f"{part}_seed{config['seed']}" + (f"_{variant}" if variant else "")
    return Path(
        config["outputs"], config["name"], data["name"], _plain(config["model"]["backbone"]),
        config["perspective"]["name"], config["precision"]["name"], last,
    )  # fmt: skip


def _plain(backbone: str) -> str:
    """A backbone's name as that of a folder: timm's as it is, others without what parts paths."""
    name = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in backbone)
    return name if len(name) <= LONGEST else f"{name[:20]}-{_hash(backbone, 6)}{name[-40:]}"


def choose_folder(config: dict[str, Any]) -> Path:
    """The run's folder; a numbered one beside it if another configuration has that name.

    `run.on_conflict` decides. Raises UserError with what differs where it says fail.
    """
    on_conflict, first = Conflict(config["run"]["on_conflict"]), run_folder(config)
    if on_conflict == Conflict.OVERWRITE:
        return first
    folder, number = first, 1
    while different := _differences(folder, config):
        if version := _left_by(folder):
            console.print(
                f"begins anew: [cyan]{folder}[/] was begun by packsight {version} and not "
                "finished; this version trains in another way, so it cannot go on.",
                soft_wrap=True,
            )
            return folder
        if on_conflict == Conflict.FAIL:
            raise UserError(
                f"{folder} holds a run with another configuration or other data "
                f"({_described(different)}); use another name=, or run.on_conflict=new to train "
                "beside it, or run.on_conflict=overwrite to replace it."
            )
        number += 1
        folder = first.with_name(f"{first.name}_{number}")
    return folder


def same_run(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a run of this configuration, in whatever state, stands in the folder."""
    if not (folder / FILE).is_file():
        return False
    try:
        return config_hash(_known_of(read_values(folder), config)) == config_hash(config)
    except UserError:  # its configuration is lost or damaged
        return False


def _known_of(stored: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A stored configuration; one from before weights were hashed is taken to be of the same."""
    if stored["weights_content"] is None:
        return stored | {"weights_content": config["weights_content"]}
    return stored


def _left_by(folder: Path) -> str | None:
    """The version that began an unfinished run, if it is another than this one."""
    try:
        if read_status(folder).state == State.DONE:
            return None
        with reading(folder / "environment.json", "a run's environment"):
            version = read_json(folder / "environment.json", ["versions"])["versions"]["packsight"]
    except UserError:  # what is damaged tells nothing
        return None
    return None if version == __version__ else str(version)


def _differences(folder: Path, config: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """{key: (there, here)} for what would change the result; empty where no other run stands."""
    if not (folder / FILE).is_file():
        return {}
    try:
        stored = _known_of(read_values(folder), config)
    except UserError as damaged:
        said = str(damaged).removesuffix(".")
        raise UserError(f"{said}, with run.on_conflict=overwrite.") from damaged
    there, here = _without(stored, INERT), _without(config, INERT)
    keys = [key for key in there | here if there.get(key) != here.get(key)]
    return {key: (there.get(key), here.get(key)) for key in keys}


def _described(different: dict[str, tuple[Any, Any]]) -> str:
    told = [f"{key} {there} there, {here} here" for key, (there, here) in different.items()]
    rest = len(told) - SHOWN
    return "; ".join(told[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
