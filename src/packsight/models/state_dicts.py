"""A backbone's tensors in whatever a weights file wraps around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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
            tensors = {str(k): v for k, v in inside.items() if isinstance(v, Tensor)}
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
