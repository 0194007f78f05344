"""What the schema knows of a key: its type, its neighbours, and what it may be in words."""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from packsight.configuration.schema import SCHEMAS

KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Key:
    """A place in a configuration; `described` is what it may be, where its type does not say it."""

    type: Any
    limits: tuple[Any, ...] = ()
    described: str | None = None
    required: bool = True

    @property
    def members(self) -> list["Key"]:
        """The members of a union, or the type itself."""
        if get_origin(self.type) in (Union, types.UnionType):
            return [_key(part) for part in get_args(self.type)]
        return [self]

    @property
    def variants(self) -> list["Key"]:
        """The types that a value may have, of unions within unions too."""
        members = self.members
        return members if members == [self] else [v for key in members for v in key.variants]

    @property
    def is_text(self) -> bool:
        """Whether whatever is given is text, or nothing."""
        kinds = {variant.type for variant in self.variants} - {type(None)}
        return kinds == {str}

    @property
    def is_list(self) -> bool:
        return any(get_origin(variant.type) in (list, tuple) for variant in self.variants)

    @property
    def is_mapping(self) -> bool:
        """Whether it, or a key below it, holds parts by name, which can be put together."""
        some = [*self.variants, *(v for key in self.children.values() for v in key.variants)]
        return any(get_origin(variant.type) is dict for variant in some)

    @property
    def is_optional(self) -> bool:
        return any(variant.type is type(None) for variant in self.variants)

    @property
    def is_open(self) -> bool:
        """Whether it may hold keys that the schema does not know."""
        return any(
            get_origin(variant.type) is dict or is_typeddict(variant.type)
            for variant in self.variants
        )

    @property
    def children(self) -> dict[str, "Key"]:
        """The keys below it that have a name in the schema."""
        return {
            name: key for variant in self.variants for name, key in _children(variant.type).items()
        }

    def child(self, name: str) -> "Key | None":
        """The key of that name below it; None if the schema knows none."""
        if name in self.children:
            return self.children[name]
        values = [get_args(v.type)[1] for v in self.variants if get_origin(v.type) is dict]
        return _key(values[0]) if values else None

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        some = [member for member in self.members if member.type is not type(None)]
        words = self.described or _in_words(some)
        return f"{words}, or null" if self.is_optional else words


def root(stage: str) -> Key:
    return Key(SCHEMAS[stage])


def find(stage: str, path: Sequence[str]) -> tuple[Key | None, bool]:
    """The key at a path, and whether it may stand there at all: an open section takes any."""
    key = root(stage)
    for name in path:
        below = key.child(name)
        if below is None:
            return None, key.is_open
        key = below
    return key, True


@cache
def names(stage: str) -> tuple[str, ...]:
    """All keys of a stage that the schema has a name for, "data.name" for one."""
    return tuple(_walk(root(stage), ""))


def _walk(key: Key, prefix: str) -> Iterator[str]:
    for name, below in key.children.items():
        yield prefix + name
        yield from _walk(below, f"{prefix}{name}.")


@cache
def _children(kind: Any) -> dict[str, Key]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: _field(field) for name, field in kind.model_fields.items()}
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {name: _key(hint) for name, hint in hints.items() if not name.startswith("__")}
    return {}


def _field(field: FieldInfo) -> Key:
    inner = _key(field.annotation)
    described = field.description or inner.described
    limits = (*inner.limits, *field.metadata)
    return Key(inner.type, limits, described, field.is_required())


def _key(annotation: Any) -> Key:
    """A type with what annotates it taken apart."""
    if get_origin(annotation) in (Required, NotRequired):
        return _key(get_args(annotation)[0])
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        key = _key(inner)
        limits, described = key.limits, key.described
        for extra in extras:
            if isinstance(extra, FieldInfo):
                limits, described = (*limits, *extra.metadata), extra.description or described
            else:
                limits = (*limits, extra)
        return Key(key.type, limits, described, key.required)
    return Key(annotation)


def _in_words(members: Sequence[Key]) -> str:
    """What members of a union may be: choices first, all in one list."""
    choices = [choice for member in members for choice in _choices(member.type)]
    words = [" or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"]
    others = [member for member in members if not _choices(member.type)]
    words += [member.described or _kind(member) for member in others]
    switch = any(member.type is bool for member in others)
    return (", " if switch else " or ").join(filter(None, words))


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(c).lower() if isinstance(c, bool) else str(c) for c in get_args(kind)]
    return list(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def _kind(key: Key) -> str:
    """A type in words: "a whole number of at least 1"."""
    if key.type in KINDS:
        return f"{KINDS[key.type]} {_range(key)}".rstrip()
    if get_origin(key.type) is tuple:
        return f"[{','.join(_kind(_key(part)) for part in get_args(key.type))}]"
    if get_origin(key.type) is list:
        return f"a list, each of it {_kind(_key(get_args(key.type)[0]))}"
    return "a section of keys"


def _range(key: Key) -> str:
    bounds = {
        name: getattr(limit, name)
        for limit in key.limits
        for name in ("ge", "gt", "le", "lt")
        if getattr(limit, name, None) is not None
    }
    if bounds.keys() == {"ge"}:
        return f"of at least {bounds['ge']}"
    if bounds.keys() == {"ge", "le"}:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{words[name]} {bound}" for name, bound in bounds.items())
