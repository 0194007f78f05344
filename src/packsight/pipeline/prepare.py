"""Raw images, or the rendered sample, to prepared data."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.pipeline.parts import part


def prepare(cfg: DictConfig) -> Path:
    """Images to outputs/data/<name>/ and <name>.zip."""
    prepared: Path = part(cfg, "request")().prepare()
    return prepared
