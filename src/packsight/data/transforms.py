"""Random changes to training images, by albumentations."""

import copy
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from packsight.errors import UserError

if TYPE_CHECKING:
    from albumentations import BaseCompose, BasicTransform, Compose

# Importing albumentations takes half a second, so only what changes images does it. It would then
# ask the network for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

Transform = Callable[[np.ndarray, int], np.ndarray]
TRIES = 4  # of each part, when it is made
LEFT_RIGHT = {"HorizontalFlip", "D4", "SquareSymmetry"}
UP_DOWN = {"VerticalFlip", "D4", "SquareSymmetry"}


class Augmentation:
    """Random changes to an image, uint8 [H, W, 3]: a function of the image and a seed alone.

    `parts` are albumentations' transforms in their order, {name: transform} or a sequence; None is
    skipped. Each is tried on an image of `size` (height, width).
    Raises UserError for one that gives no uint8 image of the same size, or needs more than one.
    """

    def __init__(
        self,
        parts: "Mapping[str, BasicTransform | BaseCompose | None] | Sequence[BasicTransform]",
        size: tuple[int, int] = (96, 128),
    ) -> None:
        named = parts if isinstance(parts, Mapping) else dict(enumerate(parts))
        self.parts = {str(name): part for name, part in named.items() if part is not None}
        for name, part in self.parts.items():
            _try(f"transforms.pipeline.{name}", part, size)
        self._of_thread = threading.local()

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        if not self.parts:
            return image
        changed = self._seeded("changing", seed)(image=image)["image"]
        _check_result("transforms.pipeline", changed, image)
        return changed

    def __repr__(self) -> str:
        return f"Augmentation({self.parts})"

    def draws(self, seed: int, size: tuple[int, int]) -> list[dict[str, Any] | None]:
        """What each part does to an image of `size` (height, width) by this seed: its parameters.

        None where a part leaves the image as it is. Only of parts that are no compositions, and
        whose parameters depend on nothing but the size.
        """
        if not self.parts:
            return []
        drawing = self._seeded("drawing", seed)
        drawing(image=np.broadcast_to(np.uint8(0), (*size, 3)))
        return [part.params or None for part in drawing.transforms]

    def _seeded(self, purpose: str, seed: int) -> "Compose":
        """This thread's composition of the parts, at the start of what a seed gives.

        All parts draw from the same two generators. `set_random_seed` would give each its own, all
        with the same numbers: an image would be mirrored exactly when it is turned over.
        """
        if not hasattr(self._of_thread, purpose):
            from albumentations import Compose

            parts = copy.deepcopy(list(self.parts.values()))  # a part keeps what it drew last
            if purpose == "drawing":
                for part in parts:
                    part.apply_with_params = lambda params, **data: data
            setattr(self._of_thread, purpose, Compose(parts))
        composition = getattr(self._of_thread, purpose)
        composition.set_random_state(np.random.default_rng(seed), random.Random(seed))
        return composition

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": self.parts}  # what a thread has stays in its process

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._of_thread = threading.local()


def flips(pipeline: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a configured pipeline mirrors images left and right, and whether up and down.

    A quarter turn or a flip about the diagonal is neither, and mirrors nothing by itself.
    """
    shown = set(_applied(pipeline))
    return bool(shown & LEFT_RIGHT), bool(shown & UP_DOWN)


def _applied(value: Any) -> Iterator[str]:
    """The names of transforms that have a chance, whatever compositions they stand in."""
    if isinstance(value, Mapping):
        if value.get("p", 1) > 0:
            yield str(value.get("_target_")).rpartition(".")[2]
            for part in value.values():
                yield from _applied(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _applied(part)


def leaves(part: Any) -> "Iterator[BasicTransform]":
    """The transforms of a composition, or the one that it is."""
    for inner in getattr(part, "transforms", None) or ():
        yield from leaves(inner)
    if not hasattr(part, "transforms"):
        yield part


def _try(key: str, part: Any, size: tuple[int, int]) -> None:
    """Raise UserError unless all transforms of a part make images of images."""
    from albumentations import BaseCompose, BasicTransform

    if not isinstance(part, BasicTransform | BaseCompose):
        raise UserError(f"{key} is {part!r}; give one of albumentations' transforms.")
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for leaf in map(copy.deepcopy, leaves(part)):
        for seed in range(TRIES):
            leaf.set_random_state(np.random.default_rng(seed), random.Random(seed))
            try:
                changed = leaf(image=image, force_apply=True)["image"]
            except Exception as error:
                raise UserError(
                    f"{key}: {type(leaf).__name__} cannot change an image of {size[0]}×{size[1]} "
                    f"by itself ({type(error).__name__}: {error}); leave it out: ~{key}"
                ) from error
            _check_result(f"{key}: {type(leaf).__name__}", changed, image)


def _check_result(what: str, changed: Any, image: np.ndarray) -> None:
    kept = isinstance(changed, np.ndarray) and changed.dtype == image.dtype
    if not kept or changed.shape != image.shape:
        told = "×".join(map(str, getattr(changed, "shape", ())))
        raise UserError(
            f"{what} makes {told} {getattr(changed, 'dtype', type(changed).__name__)} of an image "
            f"of {'×'.join(map(str, image.shape))} {image.dtype}, but size and type are to stay; "
            "leave it out, or use what keeps them, such as albumentations.Affine."
        )
