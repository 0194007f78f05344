"""What is wrong in a configuration, as sentences with the key as it is typed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from packsight.configuration.choices import Choices
from packsight.configuration.keys import Key, find, names, root
from packsight.configuration.nearest import nearest
from packsight.configuration.schema import SCHEMAS
from packsight.configuration.schema_values import SENTENCE

LONGEST = 80  # letters of a value that are shown
DEEPEST = 3  # levels of one that holds others, itself perhaps


def told(error: ErrorDetails, stage: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """The key that a validation error is about, and the sentence about it."""
    path, key, value = _place(error, stage, values)
    name = ".".join(path)
    if error["type"] == SENTENCE:
        return name, error["msg"]
    if error["type"] == "missing" and value is values:
        return name, missing(stage, name)
    if error["type"] == "extra_forbidden":
        return name, unknown(name, stage)
    if value == "":
        return name, f"{name}= is empty; use {key.allowed}."
    return name, f"{name}={shown(value)} is not allowed; use {key.allowed}."


def missing(stage: str, name: str) -> str:
    """A sentence about a key that has no value."""
    key, _ = find(stage, name.split("."))
    choices, group = Choices(stage), name.split(".")[0]
    if name in choices.groups:
        return f"{name} is missing; choose {name}={'|'.join(choices.options(name))}."
    having = choices.having(name) if group in choices.groups else []
    if having and name.endswith("._target_"):
        section = name.removesuffix("._target_")
        return f"{section} belongs to {group}={'|'.join(having)}, which is not chosen."
    return f"{name} is not given; add {name}=, {key.allowed if key else 'a value'}."


def unknown(name: str, stage: str) -> str:
    """A sentence about a key that there is not, with the nearest one that there is."""
    *parents, last = name.split(".")
    parent, _ = find(stage, parents)
    if parents and parent is not None:
        close = nearest(last, parent.children)
        if close is None and parent.children:
            return (
                f"{name} is unknown; {'.'.join(parents)} has {', '.join(sorted(parent.children))}."
            )
        near = ".".join([*parents, close]) if close else None
    else:
        near = nearest(name, _all(stage))
    others = SCHEMAS.keys() - {stage, "benchmark"}
    elsewhere = [other for other in SCHEMAS if other in others and name in names(other)]
    if elsewhere and (near is None or near.split(".")[-1] != last):
        return f"{name} is unknown to {stage}; it is a key of {' and '.join(elsewhere)}."
    if near is not None:
        return f"{name} is unknown; do you mean {near}?"
    return f"{name} is unknown; scripts/{stage}.py --help shows all keys."


def shown(value: Any, depth: int = DEEPEST) -> str:
    """A value as it is typed on the command line, as much of it as tells what it is."""
    if depth == 0 and isinstance(value, Mapping | list | tuple):
        text = "…"
    elif isinstance(value, Mapping):
        parts = (f"{key}:{shown(part, depth - 1)}" for key, part in value.items())
        text = "{" + ",".join(parts) + "}"
    elif isinstance(value, list | tuple):
        text = f"[{','.join(shown(part, depth - 1) for part in value)}]"
    elif value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _place(
    error: ErrorDetails, stage: str, values: Mapping[str, Any]
) -> tuple[list[str], Key, Any]:
    """Where an error is, as a key that can be typed; the whole values where something is missing.

    Members of unions and of lists, which pydantic names too, are no such keys.
    """
    path: list[str] = []
    key, value = root(stage), values
    parts: Sequence[str | int] = error["loc"]
    for number, part in enumerate(parts):
        if isinstance(part, int):
            break
        absent = error["type"] == "missing" and number == len(parts) - 1
        if not absent and not (isinstance(value, Mapping) and part in value):
            continue
        path.append(part)
        key = key.child(part) or Key(Any)
        value = values if absent else value[part]
    return path, key, value


def _all(stage: str) -> set[str]:
    choices = Choices(stage)
    in_files = {
        key
        for group in choices.groups
        if not choices.is_global(group)
        for option in choices.options(group)
        for key in choices.keys(group, option)
    }
    return {*names(stage), *choices.groups, *in_files}
