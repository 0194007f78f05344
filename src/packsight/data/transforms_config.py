"""From a configured pipeline of transforms to an Augmentation, with a sentence for each mistake."""

import difflib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from packsight.data.transforms import Augmentation, leaves
from packsight.errors import UserError


def augmentation(pipeline: Mapping[str, Any], size: tuple[int, int] = (96, 128)) -> Augmentation:
    """The Augmentation of a `transforms.pipeline`: {name: {_target_, arguments …} or null}.

    `size` is that of the images (height, width), on which each transform is tried.
    Raises UserError for an unknown transform or argument, and for a value that one refuses.
    """
    if isinstance(pipeline, DictConfig):
        pipeline = OmegaConf.to_container(pipeline, resolve=True)  # type: ignore[assignment]
    given = {name: values for name, values in pipeline.items() if values is not None}
    for name, values in given.items():
        if not isinstance(values, Mapping) or "_target_" not in values:
            key, others = f"transforms.pipeline.{name}", [other for other in given if other != name]
            close = _close(name, others, "transforms.pipeline.")
            raise UserError(
                f"{key}={values} names no transform; {close + ', or ' if close else ''}"
                f"give it one, as {key}._target_=albumentations.GaussianBlur."
            )
    parts = {name: _built(f"transforms.pipeline.{name}", values) for name, values in given.items()}
    return Augmentation(parts, size)


def _built(key: str, values: Mapping[str, Any]) -> Any:
    from hydra.utils import instantiate

    for inner, target in _targets(key, values):
        _check_target(inner, target)
    with warnings.catch_warnings():
        # It would only warn of an unknown argument, and of values that it replaces by its defaults.
        warnings.filterwarnings("ignore", message="Argument.* not valid for transform")
        warnings.filterwarnings("error", module=r"albumentations\.core\.validation")
        try:
            part = instantiate(values, _convert_="all")
        except Exception as error:
            raise UserError(_refused(key, str(values["_target_"]), error)) from error
    for leaf in leaves(part):
        for argument in getattr(leaf, "invalid_args", ()):
            name = type(leaf).__name__
            known = [*inspect.signature(type(leaf).__init__).parameters][1:]
            close = _close(argument, known) or f"it has {', '.join(known)}"
            raise UserError(f"{key}: {name} has no argument {argument}; {close}.")
    return part


def _targets(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every (key, `_target_`) in a configured part, compositions included."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield f"{key}._target_", str(value["_target_"])
        for name, inner in value.items():
            yield from _targets(f"{key}.{name}", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, inner in enumerate(value):
            yield from _targets(f"{key}[{position}]", inner)


def _check_target(key: str, target: str) -> None:
    """Raise UserError for a name that albumentations does not have, with the nearest one."""
    import albumentations

    module, _, name = target.rpartition(".")
    if module not in ("", "albumentations") or (module and hasattr(albumentations, name)):
        return
    kinds = albumentations.BasicTransform, albumentations.BaseCompose
    known = [
        other
        for other, value in vars(albumentations).items()
        if inspect.isclass(value) and issubclass(value, kinds)
    ]
    close = _close(name, known, "albumentations.") or "see albumentations' own list"
    raise UserError(f"{key}={target} is none of albumentations' transforms; {close}.")


def _close(name: str, known: Sequence[str], prefix: str = "") -> str:
    lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), lower, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(prefix + lower[one] for one in found)}" if found else ""


def _refused(key: str, target: str, error: BaseException) -> str:
    """Why a transform could not be made, in a sentence: the cause of all causes."""
    from pydantic import ValidationError

    while error.__cause__ and not isinstance(error, ValidationError):
        error = error.__cause__
    if not isinstance(error, ValidationError):
        return f"{key}: {target} cannot be made: {' '.join(str(error).split())}"
    first, *_ = found = error.errors()
    argument = str(first["loc"][0]) if first["loc"] else ""
    # A value that may have one of several types is refused once for each.
    reasons = dict.fromkeys(
        each["msg"].removeprefix("Value error, ").removesuffix(".")
        for each in found
        if each["loc"][:1] == first["loc"][:1]
    )
    given = "" if first["type"] == "missing" or not argument else f"={found[-1]['input']}"
    return f"{key}: {argument}{given} in {target}: {'; or: '.join(reasons)}."
