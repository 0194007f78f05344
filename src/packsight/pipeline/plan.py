"""What is known of a run before there are data, and what can be refused by then."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.markup import escape

from packsight.errors import UserError
from packsight.pipeline.parts import part
from packsight.system.console import console
from packsight.system.files import writable

if TYPE_CHECKING:
    import torch

    from packsight.models.network import Network
    from packsight.training.autotune import Candidate


@dataclass(frozen=True)
class Plan:
    """What is known of a run before there are data."""

    size: tuple[int, int]  # height and width of an image
    device: "torch.device"
    candidates: "list[Candidate]"  # precisions and layouts that the settings leave open
    network: "Callable[[], Network]"  # builds it


def plan_run(cfg: DictConfig) -> Plan:
    """Tell mistakes before data are made. Raises UserError for what cannot be trained here."""
    if cfg.data.source is not None and not Path(cfg.data.source).exists():
        raise UserError(f"{cfg.data.source} does not exist; give a folder or a zip archive.")
    from packsight.models.backbone import describe

    cfg.model.architecture = describe(cfg.model.backbone)
    import torch

    from packsight.data.on_device import check_on_device
    from packsight.models.finetune import check_views
    from packsight.system.processes import check_processes
    from packsight.training.autotune import candidates
    from packsight.training.compilation import check_compile
    from packsight.training.loggers import check_loggers
    from packsight.training.precision import choose_device

    device = choose_device(cfg.trainer.accelerator)
    among = candidates(cfg.precision.name, cfg.model.memory_format, device)
    check_views(cfg.finetune.views, cfg.finetune.backbone_lr_scale)
    check_on_device(
        cfg.data.on_device, cfg.data.num_workers, cfg.finetune.views, cfg.transforms.pipeline
    )
    check_compile(cfg.model.compile, cfg.finetune.views)
    check_loggers(logger_makers(cfg))
    check_processes(
        cfg.trainer.get("devices", "auto"),
        cfg.trainer.get("strategy"),
        cfg.trainer.get("num_nodes", 1),
        cfg.data.batch_size,
        torch.cuda.device_count() if device.type == "cuda" else None,
    )
    if cfg.model.weights == "none" and cfg.finetune.frozen_share:
        raise UserError(
            "model.weights=none has nothing to keep; train all layers: finetune=scratch."
        )
    size = choose_size(cfg)
    writable(Path(cfg.outputs))  # last: what is refused leaves no folder
    return Plan(size, device, among, partial(part(cfg, "network"), size=size))


def choose_size(cfg: DictConfig) -> tuple[int, int]:
    """Height and width of an image, tried on the backbone.

    The crop's size gives way to one that the backbone takes, which is then that of the settings.
    Raises UserError where `data.image_size` does not fit, or the backbone cannot be trained so.
    """
    from packsight.models.backbone import input_size
    from packsight.models.trial import check_trainable, fitting_size

    name, known = cfg.model.backbone, cfg.model.architecture
    own = input_size(name, architecture=known)
    asked = input_size(name, cfg.data.image_size, cfg.crop.image_size, architecture=known)
    network = part(cfg, "network")

    def build(size: tuple[int, int]) -> "Network":
        return network(size=size, weights="none")

    size = fitting_size(build, asked, own)
    if size != asked:
        taken = f"data.image_size=[{size[0]},{size[1]}]"
        wrong = f"{name} takes no images of {asked[0]} × {asked[1]} pixels"
        if cfg.data.image_size is not None:
            raise UserError(f"{wrong} (data.image_size); use {taken}.")
        console.print(f"{taken}, since {escape(wrong)}", soft_wrap=True)
        cfg.data.image_size = list(size)
    check_trainable(build, size, cfg.finetune.frozen_share, cfg.finetune.views)
    return size


def logger_makers(cfg: DictConfig) -> dict[str, Any]:
    """What makes each logger, by its name; one that is null is left out."""
    return {
        str(name): instantiate(logger, _partial_=True, _convert_="all")
        for name, logger in cfg.logger.items()
        if logger
    }
