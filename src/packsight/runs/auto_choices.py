"""What `auto` stands for in a run: what it was begun with, or else the fastest here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from packsight.data import on_device
from packsight.models.network import Network
from packsight.runs.folder import config_hash, resolved, run_folder
from packsight.system.console import console
from packsight.training.autotune import Candidate, Rates, describe_choice, fastest, measure
from packsight.training.precision import Precision


def settle(
    cfg: DictConfig,
    among: Sequence[Candidate],
    build: Callable[[], Network],
    size: tuple[int, int],
    device: torch.device,
) -> Precision:
    """Put what `auto` stands for into a configuration, where it is stored and hashed.

    A run that stands already, finished or interrupted, keeps what it was begun with.
    """
    if len(among) == 1:
        choose(cfg, among[0])
        return among[0].precision
    rates, source = begun_with(cfg, among), "as this run was begun"
    if rates is None:
        rates, known = measure(build(), cfg, size, device, among, Path(cfg.outputs, "cache"))
        source = "remembered" if known else "measured now"
    chosen = fastest(rates, among)
    console.print(describe_choice(cfg, chosen, rates, source), highlight=False, soft_wrap=True)
    choose(cfg, chosen)
    cfg.measured = rates
    return chosen.precision


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
        rates = (_begun(same) or {}).get("measured") or {}
        if set(rates) == set(map(str, among)):
            return rates
    return None


def settle_images(
    cfg: DictConfig, images: int, size: tuple[int, int], device: torch.device
) -> None:
    """Put what `data.on_device=auto` stands for into a configuration, where it is hashed.

    It changes pixels by a rounding, so a run that stands already keeps what it was begun with,
    wherever it goes on.
    """
    if cfg.data.on_device == on_device.AUTO:
        begun = _begun(cfg)
        workers, views, pipeline = (
            cfg.data.num_workers, cfg.finetune.views, cfg.transforms.pipeline
        )  # fmt: skip
        cfg.data.on_device = (
            begun["data"].get("on_device")
            if begun
            else on_device.pays(images, size, device, workers, views, pipeline)
        )


def _begun(cfg: DictConfig) -> dict[str, Any] | None:
    """The stored configuration of the same run, whatever its `data.on_device=auto` stood for."""
    file = run_folder(cfg) / "config.yaml"
    if not file.is_file():
        return None
    stored: Any = OmegaConf.to_container(OmegaConf.load(file))
    same = cfg.copy()
    if same.data.on_device == on_device.AUTO:
        same.data.on_device = stored["data"].get("on_device")
    return stored if config_hash(stored) == config_hash(resolved(same)) else None
