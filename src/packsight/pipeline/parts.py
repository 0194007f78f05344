"""What the settings come to (configs/parts/), ready for what is known only later."""

from collections.abc import Callable
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


def part(cfg: DictConfig, name: str) -> Callable[..., Any]:
    """The constructor of a part, "datamodule" for one, with all arguments that settings give."""
    # Resolved first: Hydra cannot resolve what a resolver makes a list of.
    values = OmegaConf.to_container(OmegaConf.select(cfg.parts, name), resolve=True)
    made: Callable[..., Any] = instantiate(values, _partial_=True)
    return made
