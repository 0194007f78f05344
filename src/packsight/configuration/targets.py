"""Sections that name a `_target_`: whether it is there, and takes the arguments that it gets.

To look at one means to import it, which takes seconds where it brings torch. So what packsight's
own files say of a target is taken for granted, and nothing is imported for it.
"""

import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from packsight.configuration.choices import Choices
from packsight.configuration.nearest import nearest
from packsight.errors import UserError

HYDRAS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
# What a training gives to them itself, and what its user can do instead.
OURS = {
    "optimizer.params": "leave it out",
    "scheduler.optimizer": "leave it out",
    "scheduler.total_steps": "leave it out",
    "trainer.callbacks": "use callbacks=",
    "trainer.default_root_dir": "use outputs= and name=",
    "trainer.logger": "use logger=",
    "trainer.plugins": "leave it out",
    "trainer.precision": "use precision=",
}

Section = tuple[str, Mapping[str, Any]]  # its key, and what it holds


def check_targets(values: Mapping[str, Any], stage: str, known: bool = False) -> None:
    """Raise UserError for a target that is not there, and for arguments that it does not take.

    What packsight's files give to a target is looked at only where `known`.
    """
    choices = Choices(stage)
    shipped = _shipped(stage)
    for key, section in _sections(values):
        arguments = section.keys() - set(HYDRAS)
        for argument in sorted(arguments):
            if (name := f"{key}.{argument}") in OURS:
                raise UserError(f"{name} is set by packsight; {OURS[name]}.")
        given = shipped.get(section["_target_"])
        if not known and given is not None and arguments <= given:
            continue
        takes = _arguments(key, section["_target_"])
        for argument in [] if takes is None else sorted(arguments - takes):
            close = nearest(argument, given or ()) or nearest(argument, takes or ())
            raise UserError(_refused(f"{key}.{argument}", section["_target_"], close, choices))


def _sections(values: Any, key: str = "") -> Iterator[Section]:
    """All that name a target, at any depth."""
    if isinstance(values, Mapping) and "_target_" in values:
        yield key, values
    parts = values if isinstance(values, Mapping) else dict(enumerate(values))
    for name, part in parts.items():
        if isinstance(part, Mapping | list):
            yield from _sections(part, f"{key}.{name}" if key else str(name))


@cache
def _shipped(stage: str) -> Mapping[str, set[str]]:
    """What packsight's own files give to each target."""
    choices, found = Choices(stage), defaultdict[str, set[str]](set)
    for group in choices.groups:
        for option in () if choices.is_global(group) else choices.options(group):
            for _, section in _sections({group: choices.section(group, option)}):
                found[section["_target_"]] |= section.keys() - set(HYDRAS)
    return found


def _arguments(key: str, target: str) -> set[str] | None:
    """The names of a target's arguments; None where it takes any, or does not tell."""
    located = _located(key, target)
    try:
        parameters = inspect.signature(located).parameters.values()
    except ValueError:  # it is not written in Python
        return None
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _located(key: str, target: str) -> Callable[..., Any]:
    try:
        found = pkgutil.resolve_name(target)
    except Exception as error:  # whatever an import runs into
        raise UserError(
            f"{key}._target_={target} cannot be imported ({type(error).__name__}: {error}); give "
            "the full name of a class or function that is installed."
        ) from error
    if not callable(found):
        raise UserError(f"{key}._target_={target} is no class or function; give one's full name.")
    return found


def _refused(name: str, target: str, close: str | None, choices: Choices) -> str:
    section, _, _ = name.rpartition(".")
    group = name.split(".")[0]
    others = choices.having(name) if group in choices.groups else []
    remedy = f"do you mean {section}.{close}?" if close else "leave it out."
    if others:
        remedy = f"it belongs to {' and '.join(f'{group}={option}' for option in others)}."
    return f"{name} is no argument of {target}; {remedy}"
