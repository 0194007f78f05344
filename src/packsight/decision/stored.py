"""Plain values, as JSON holds them, to a dataclass of numbers, texts and further dataclasses."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def restored(kind: Any, value: Any, name: str = "") -> Any:
    """A value of this type. Raises ValueError or TypeError, which say the key, for another one."""
    if is_dataclass(kind):
        return _dataclass(kind, value, name)
    options, origin = get_args(kind), get_origin(kind)
    if origin is UnionType:
        if value is None and NoneType in options:
            return None
        [other] = set(options) - {NoneType}
        return restored(other, value, name)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is {value!r}, not keys and values")
        return {
            restored(options[0], key, name): restored(options[1], item, f"{name}.{key}")
            for key, item in value.items()
        }
    if origin is tuple:
        return _tuple(options, value, name)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ValueError(f"{name} is {value!r}, none of {', '.join(kind)}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{name} is {value!r}, not of type {kind.__name__}")
    return value


def _dataclass(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name or kind.__name__} is {value!r}, not keys and values")
    kinds, known = get_type_hints(kind), {field.name: field for field in fields(kind)}
    inside = f"{name}." if name else ""
    strange = [key for key in value if key not in known]
    if strange:
        raise ValueError(f"{inside}{strange[0]} is an unknown key")
    for key, field in known.items():
        if key not in value and field.default is field.default_factory is MISSING:
            raise ValueError(f"it lacks {inside}{key}")
    return kind(**{key: restored(kinds[key], item, inside + key) for key, item in value.items()})


def _tuple(options: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} is {value!r}, not a list")
    if options[-1] is Ellipsis:
        options = (options[0],) * len(value)
    if len(options) != len(value):
        raise ValueError(f"{name} has {len(value)} values, not {len(options)}")
    return tuple(restored(kind, item, name) for kind, item in zip(options, value, strict=True))
