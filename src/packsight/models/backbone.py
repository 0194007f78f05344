"""What a backbone's name stands for: a model of timm, of the model hub, or of a folder."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg

from packsight.errors import UserError
from packsight.models.hub import hub_file
from packsight.system.files import read_json

HUB, FOLDER = "hf-hub:", "local-dir:"
CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # as timm writes them
# What of a model's pretraining its construction and its images depend on.
FACTS = (
    "input_size", "fixed_input_size", "mean", "std", "num_classes", "pool_size", "first_conv",
    "classifier",
)  # fmt: skip
REMEDY = "give one that timm.models.save_for_hf has written"

Architecture = Mapping[str, Any]  # model (timm's name), arguments and pretraining: plain values


def check_backbone(name: str) -> None:
    """Raise UserError for a name that timm does not have, with close ones; for pretrained weights
    that it does not have, with those that it has."""
    if name.startswith((HUB, FOLDER)):
        return
    if not timm.is_model(name):
        known = timm.list_models()
        close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
        remedy = f"close names are {', '.join(close)}" if close else "see timm.list_models()"
        if ":" in name or "/" in name:
            remedy = f"a model of the hub is {HUB}<owner>/<name>, one in a folder {FOLDER}<folder>"
        raise UserError(f"model.backbone={name} is not a timm model; {remedy}.")
    model, _, tag = name.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{model}.*")]
    if tag and tag not in tags:
        some = f"{model} has {', '.join(tags)}" if tags else f"{model} has none"
        raise UserError(f"model.backbone={name} names no pretrained weights of timm's; {some}.")


def describe(backbone: str) -> Architecture | None:
    """What config.json of a model in the hub or in a folder says; None for one of timm's own.

    With it the network can be built again where neither is. Raises UserError if there is none.
    """
    if not backbone.startswith((HUB, FOLDER)):
        check_backbone(backbone)
        return None
    file = _file(backbone, (CONFIG,))
    if file is None:
        raise UserError(f"model.backbone={backbone} has no {CONFIG}; {REMEDY}.")
    content = read_json(file, ["architecture"], REMEDY)
    try:
        told = _told(content)
        with torch.device("meta"):
            built = timm.create_model(
                told["model"], pretrained_cfg=told["pretraining"], **told["arguments"]
            )
        channels = getattr(built, "in_chans", 3)
    except Exception as error:  # whatever is said there goes to a model's constructor
        raise UserError(
            f"{file} describes no model that timm {timm.__version__} builds "
            f"({type(error).__name__}: {' '.join(str(error).split())[:160]}); {REMEDY}."
        ) from error
    if channels != 3:
        raise UserError(
            f"model.backbone={backbone} is made for images of {channels} channels, and those of "
            "packages have 3; choose another backbone."
        )
    return told


def _told(content: Mapping[str, Any]) -> Architecture:
    """What a config.json says, in its form of today or that of timm's first years."""
    facts = {**content.get("pretrained_cfg", content)}
    if "num_classes" in content:
        facts["num_classes"] = content["num_classes"]
    own = inspect.signature(timm.create_model).parameters  # where weights are, and the like
    arguments = content.get("model_args") or {}
    return {
        "model": str(content["architecture"]),
        "arguments": {key: value for key, value in arguments.items() if key not in own},
        "pretraining": {key: facts[key] for key in FACTS if facts.get(key) is not None},
    }


def own_weights(backbone: str) -> Path | None:
    """The file with the weights of a model in the hub or in a folder; None for one of timm's own.

    Raises UserError if it has none.
    """
    if not backbone.startswith((HUB, FOLDER)):
        return None
    file = _file(backbone, WEIGHTS)
    if file is None:
        raise UserError(
            f"model.backbone={backbone} has no weights ({' or '.join(WEIGHTS)}); use "
            "model.weights=none, a weights file or a packsight run."
        )
    return file


def pretraining(backbone: str, architecture: Architecture | None = None) -> Any:
    """What timm knows of a backbone's pretraining. Raises UserError for an unknown name."""
    architecture = architecture or describe(backbone)
    if architecture is not None:
        return PretrainedCfg(**architecture["pretraining"])
    return timm.get_pretrained_cfg(backbone) or PretrainedCfg()


def input_size(
    backbone: str,
    *sizes: int | Sequence[int] | None,
    architecture: Architecture | None = None,
) -> tuple[int, int]:
    """Height and width in pixels of a network's images: the first size given, else its own.

    A number is the side of a square. Raises UserError for an unknown backbone.
    """
    for size in sizes:
        if size is not None:
            height, width = (size, size) if isinstance(size, int) else size
            return height, width
    _, height, width = pretraining(backbone, architecture).input_size
    return height, width


def _file(backbone: str, names: tuple[str, ...]) -> Path | None:
    """The first of these files that a model of the hub or in a folder has."""
    if backbone.startswith(HUB):
        return hub_file(backbone.removeprefix(HUB), names)
    folder = Path(backbone.removeprefix(FOLDER))
    if not folder.is_dir():
        raise UserError(f"model.backbone={backbone}: {folder} is no folder; {REMEDY}.")
    return next((folder / name for name in names if (folder / name).is_file()), None)
