"""Raw images, or the rendered sample, to prepared data."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.pipeline.parts import part


def prepare(cfg: DictConfig) -> Path | None:
    """Images to outputs/data/<name>/ and <name>.zip; with dry_run, what would be understood."""
    request = part(cfg, "request")()
    if cfg.dry_run:
        request.preview()
        return None
    prepared: Path = request.prepare()
    return prepared
