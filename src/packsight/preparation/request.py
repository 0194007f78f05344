"""The prepared data that a configuration asks for, made where it is missing."""

from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from packsight.preparation.prepare import prepare
from packsight.preparation.prepared import check_request, is_prepared, load_data
from packsight.sample.render import render_sample
from packsight.system.files import temporary_folder
from packsight.system.lock import locked


def prepare_data(cfg: DictConfig, target: Path) -> Path:
    """Prepare the source, or a rendered sample, once: other processes wait for it."""
    with _locked(target):
        return _prepare(cfg, target)


def is_ready(cfg: DictConfig) -> bool:
    """Whether the data need no preparation any more."""
    return is_prepared(_target(cfg))


def training_data(cfg: DictConfig) -> tuple[Path, pd.DataFrame]:
    """Folder and manifest of the data to train on; prepared now if that was not done yet.

    Raises UserError if data of that name came from another source or with other settings.
    """
    target = _target(cfg)
    if not is_ready(cfg):
        with _locked(target):
            if not is_ready(cfg):
                _prepare(cfg, target)
    elif cfg.data.source is None or Path(cfg.data.source) != target:
        check_request(target, _source_name(cfg), cfg.data)
    return load_data(target, int(cfg.data.max_unpacked_gb * 10**9), Path(cfg.outputs, "cache"))


def _target(cfg: DictConfig) -> Path:
    """Where prepared data of that name stands; the source itself, if it is prepared data."""
    if cfg.data.source is not None and is_prepared(Path(cfg.data.source)):
        return Path(cfg.data.source)
    return Path(cfg.outputs, "data", cfg.data.name)


def _locked(target: Path) -> AbstractContextManager:
    return locked(target.with_name(f".{target.name}.lock"), f"preparing {target}")


def _prepare(cfg: DictConfig, target: Path) -> Path:
    if cfg.data.source is not None:
        return prepare(Path(cfg.data.source), target, cfg.data)
    with temporary_folder() as folder:
        rendered = folder / _source_name(cfg)
        render_sample(rendered, **cfg.data.sample)
        return prepare(rendered, target, cfg.data)


def _source_name(cfg: DictConfig) -> str:
    """What stands in summary.json as the source: a file's name, or the sample's settings."""
    if cfg.data.source is not None:
        return Path(cfg.data.source).name
    return "sample-" + "-".join(str(value) for value in cfg.data.sample.values())
