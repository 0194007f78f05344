"""What `auto` stands for in a run: what it was begun with, or else the fastest here."""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from packsight.configuration.stored import read_values
from packsight.data import on_device
from packsight.errors import UserError
from packsight.runs.folder import config_hash, run_folder
from packsight.system.console import console
from packsight.training.autotune import AUTO, Candidate, Rates, describe_choice, fastest


def choose(
    config: dict[str, Any],
    among: Sequence[Candidate],
    measure: Callable[[], tuple[Rates, bool]],
) -> tuple[Candidate, Rates | None]:
    """The precision and layout that a run's `auto` comes to, and the rates it was chosen by.

    A run that stands already, finished or interrupted, keeps what it was begun with; else `measure`
    gives the rates, and whether they were remembered.
    """
    if len(among) == 1:
        return among[0], None
    rates, source = begun_with(config, among), "as this run was begun"
    if rates is None:
        rates, known = measure()
        source = "remembered" if known else "measured now"
    chosen = fastest(rates, among)
    asked = {
        "precision": config["precision"]["name"],
        "model.memory_format": config["model"]["memory_format"],
    }
    keys = [key for key, value in asked.items() if value == AUTO]
    console.print(describe_choice(chosen, rates, keys, source), highlight=False, soft_wrap=True)
    return chosen, rates


def begun_with(config: dict[str, Any], among: Sequence[Candidate]) -> Rates | None:
    """What the same run measured when it was begun; None if it never was.

    A second measurement might choose otherwise, and start another run beside the first.
    """
    for candidate in among:
        same = copy.deepcopy(config)
        same["precision"]["name"] = candidate.precision.value
        same["model"]["memory_format"] = candidate.memory_format
        rates = (_begun(same) or {}).get("measured")
        if rates and rates.keys() == set(map(str, among)) and _are_rates(rates.values()):
            return rates
    return None


def _are_rates(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) and 0 < value < float("inf") for value in values)


def images_on_device(config: dict[str, Any], pays: Callable[[], bool]) -> bool:
    """What `data.on_device` comes to; of `auto` what the run was begun with, else whether it pays.

    It changes pixels by a rounding, so a run that stands already keeps it, wherever it goes on.
    """
    asked = config["data"]["on_device"]
    if asked != on_device.AUTO:
        return bool(asked)
    begun = _begun(config)
    return bool(begun["data"].get("on_device")) if begun else pays()


def _begun(config: dict[str, Any]) -> dict[str, Any] | None:
    """The stored configuration of the same run, whatever its `data.on_device=auto` stood for."""
    folder = run_folder(config)
    if not (folder / "config.yaml").is_file():
        return None
    try:
        stored = read_values(folder)
    except UserError:  # whether it may be replaced is decided where the folder is chosen
        return None
    same = copy.deepcopy(config)
    if same["data"]["on_device"] == on_device.AUTO:
        same["data"]["on_device"] = stored["data"].get("on_device")
    return stored if config_hash(stored) == config_hash(same) else None
