"""A backbone's tensors in whatever a weights file wraps around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from rich.markup import escape
from torch import Tensor

from packsight.errors import UserError
from packsight.models.network import Network
from packsight.system.console import console

# Under which keys training scripts store weights; averaged ones first, as timm takes them.
HOLDERS = ("state_dict_ema", "model_ema", "state_dict", "model")
# What wrappers put before a tensor's name: DataParallel, torch.compile, a Lightning module.
PREFIXES = ("module.", "_orig_mod.", "network.", "backbone.", "model.", "net.")
NAMED = 3  # tensors that a sentence names

Shapes = Mapping[str, torch.Size]


@dataclass(frozen=True)
class Found:
    """The tensors of a file that have a backbone's names and shapes."""

    fits: dict[str, Tensor]
    holder: str  # the key that the file has them under; "" at its top
    prefix: str  # what stands before each name there
    left: list[str]  # tensors beside them that are not taken
    reshaped: list[str]  # of the backbone, that have another shape in the file

    def told(self) -> str:
        """Where they were and what was left, in words."""
        under = [f"under {self.holder}"] * bool(self.holder)
        without = [f"without {self.prefix}"] * bool(self.prefix)
        left = f"left there: {some(self.left)}" if self.left else "none left there"
        return "; ".join((*filter(None, [", ".join(under + without)]), left))


def load_features(
    network: Network, content: dict[str, Any], weights: str, backbone: str, aloud: bool = False
) -> None:
    """Load all but the head from what a weights file holds; `aloud` says what was taken.

    Raises UserError unless it has exactly these tensors, wherever they are in it.
    """
    heads = tuple(f"{name}." for name in network.head_names)
    wanted = {
        key.removeprefix("backbone."): tensor.shape
        for key, tensor in network.state_dict().items()
        if not key.startswith(heads)
    }
    found = find_tensors(content, wanted)
    if found is None:
        raise UserError(
            f"model.weights={weights} holds no tensors by their names, at its top or under "
            f"{', '.join(HOLDERS)}; give a state dict, a .safetensors file or a packsight run."
        )
    if len(found.fits) < len(wanted):
        raise UserError(
            f"model.weights={weights} does not fit {backbone}: {len(found.fits)} of {len(wanted)} "
            f"tensors have its names and shapes; {_remedy(content, found, backbone)}."
        )
    wrong = [name for name, tensor in found.fits.items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise UserError(
            f"model.weights={weights} is damaged ({wrong[0]} holds values that are no numbers); "
            "copy it again from where it is whole."
        )
    if aloud:
        _tell(f"weights: all {len(wanted)} tensors of {backbone} from {weights} ({found.told()})")
    network.backbone.load_state_dict(found.fits, strict=False)


def _remedy(content: dict[str, Any], found: Found, backbone: str) -> str:
    """What to do about weights that do not fit."""
    architecture = content.get("arch")
    if isinstance(architecture, str) and architecture != backbone:
        return f"the file says that it is of {architecture}: choose model.backbone={architecture}"
    if found.fits and found.reshaped and len(found.reshaped) < len(found.fits):
        return (
            f"of another shape: {some(found.reshaped)}; choose the size of image that the weights "
            "were made for (data.image_size), or the weights' own backbone"
        )
    return f"the file has {some(found.left)}; choose the weights' own backbone"


@cache
def _tell(line: str) -> None:
    """Print a line, once in a process: a run builds its network more than once."""
    console.print(escape(line), soft_wrap=True, highlight=False)


def find_tensors(content: Mapping[str, Any], wanted: Shapes) -> Found | None:
    """The tensors that fit best, wherever they are; None if the file holds no tensors by name."""
    best: Found | None = None
    for holder, state in _states(content):
        for prefix in sorted(_prefixes(state), key=len):
            found = _under(state, holder, prefix, wanted)
            if best is None or len(found.fits) > len(best.fits):
                best = found
    return best


def some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _states(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Named tensors in a file, each with the key that holds them."""
    for holder in (*HOLDERS, ""):
        inside = content.get(holder) if holder else content
        if isinstance(inside, Mapping):
            tensors = {
                str(name): value
                for name, value in inside.items()
                if isinstance(value, Tensor) and value.layout == torch.strided
            }
            if tensors:
                yield holder, tensors


def _prefixes(state: Mapping[str, Tensor]) -> set[str]:
    """All that may be wrappers' part of these names: "", "module.", "module.model." …"""
    found = {""}
    for name in state:
        prefix = ""
        while known := next((p for p in PREFIXES if name.startswith(prefix + p)), ""):
            prefix += known
            found.add(prefix)
    return found


def _under(state: Mapping[str, Tensor], holder: str, prefix: str, wanted: Shapes) -> Found:
    bare = {name.removeprefix(prefix): name for name in state if name.startswith(prefix)}
    there = [name for name in wanted if name in bare]
    fits = {name: state[bare[name]] for name in there if state[bare[name]].shape == wanted[name]}
    taken = {bare[name] for name in fits}
    return Found(
        fits,
        holder,
        prefix,
        left=[name for name in state if name not in taken],
        reshaped=[name for name in there if name not in fits],
    )
