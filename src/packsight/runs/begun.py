"""Whether a run whose precision or memory layout is `auto` was begun before, and with what."""

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from packsight.runs.folder import config_hash, resolved, run_folder
from packsight.training.autotune import Candidate, Rates


def choose(cfg: DictConfig, candidate: Candidate) -> None:
    """Write a candidate into a run's configuration, which changes its folder."""
    cfg.precision.name = candidate.precision.value
    cfg.model.memory_format = candidate.memory_format
    cfg.folder = str(run_folder(cfg))


def begun_with(cfg: DictConfig, among: Sequence[Candidate]) -> Rates | None:
    """What the same run measured when it was begun; None if it never was.

    A second measurement might choose otherwise, and start another run beside the first.
    """
    for candidate in among:
        same = cfg.copy()
        choose(same, candidate)
        file = run_folder(same) / "config.yaml"
        if not file.is_file():
            continue
        stored: Any = OmegaConf.to_container(OmegaConf.load(file))
        rates = stored.get("measured") or {}
        asked_alike = set(rates) == set(map(str, among))
        if asked_alike and config_hash(stored) == config_hash(resolved(same)):
            return rates
    return None
