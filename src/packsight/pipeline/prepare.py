"""Raw images, or the rendered sample, to prepared data."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig


def prepare(cfg: DictConfig) -> Path:
    """Images to outputs/data/<name>/ and <name>.zip."""
    return instantiate(cfg.parts.request).prepare()
