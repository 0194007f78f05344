"""Values on the command line: what Hydra's grammar makes of them, and how text stays text."""

import os
import shlex
import subprocess
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString
from hydra.errors import HydraException

STRUCTURE = "[](){}'\"\\="  # letters with which a comma need not part two values


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def parsed(word: str) -> Override | None:
    """A word as Hydra reads it; None if it cannot."""
    try:
        return _parser().parse_override(word)
    except HydraException:
        return None


def values(override: Override) -> list[Any]:
    """The values that an override gives, one after the other; none where they are a pattern."""
    if not override.is_sweep_override():
        return [override.value()]
    if not isinstance(override._value, ChoiceSweep):
        return []
    return [item.text if isinstance(item, QuotedString) else item for item in override._value.list]


def as_text(value: str, sweeps: bool) -> str:
    """A value, quoted where Hydra would read it as a number or a truth value, or not at all.

    Of a sweep's values each. What has a comma and cannot be read stays as it is: it may be one
    value or several.
    """
    override = parsed(f"key={value}")
    parts = value.split(",")
    if override is None:
        plain = len(parts) == 1 or (sweeps and not set(value) & set(STRUCTURE))
        return ",".join(map(_quoted, parts)) if plain else value
    content = override._value
    if isinstance(content, ChoiceSweep):
        simple = content.simple_form and len(content.list) == len(parts)
        return ",".join(as_text(part, sweeps) for part in parts) if simple else value
    return _quoted(value) if isinstance(content, int | float) else value


def typed(key: str, value: str) -> str:
    """How an argument is typed in this system's shell so that its value is text."""
    word = f"{key}={QuotedString(value, Quote.double).with_quotes()}"
    return shlex.quote(word) if os.name == "posix" else subprocess.list2cmdline([word])


def _quoted(value: str) -> str:
    return QuotedString(value.strip(), Quote.single).with_quotes()
