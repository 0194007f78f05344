"""The words of the page in each language: one catalogue for each, and one lookup."""

import re
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

CATALOGUES = Path(__file__).parent / "words"
LANGUAGES = tuple(sorted(file.stem for file in CATALOGUES.glob("*.yaml")))
EARLIER = "earlier"  # the section of what earlier rooms say in English, in figures and sentences
SIGN = re.compile(r"(?<=\d)[.,](?=\d)")  # of a number
NUMBER = re.compile(r"[-−+]?\d[\d.,]*%?")


class Words(Formatter):
    """Text and numbers as one language writes them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.entries = _flat(_read(language))
        self.signs = {".": self.entries["number.decimal"], ",": self.entries["number.thousands"]}

    def __call__(self, key: str, /, **values: Any) -> str:
        """The text of a key with its values; a number is written as the language does."""
        return self.vformat(self.entries[key], (), values)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def counted(self, key: str, count: int, **values: Any) -> str:
        """The text for one, or for another count, which it may name as `count`."""
        return self(f"{key}.{'one' if count == 1 else 'other'}", count=count, **values)

    def named(self, section: str, name: str) -> str:
        """What a value of the code is called; one that the section does not know stays itself."""
        return self.entries.get(f"{section}.{name}", name)

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return text if isinstance(value, str) else self.localised(text.replace("-", "−"))

    def localised(self, number: str) -> str:
        """A number that Python wrote, with this language's signs."""
        return SIGN.sub(lambda found: self.signs[found[0]], number)

    def translated(self, text: str) -> str:
        """What an earlier room says in English, in this language; what is unknown stays as it is.

        An English entry with values in it fits any text with other values in their place.
        """
        if NUMBER.fullmatch(text):
            return self.localised(text)
        for key, pattern in _patterns():
            if found := pattern.fullmatch(text):
                values = {name: self.translated(value) for name, value in found.groupdict().items()}
                return self.vformat(self.entries[key], (), values)
        return text


@cache
def words(language: str) -> Words:
    """The words of a language, read once."""
    return Words(language)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """The English entries of what earlier rooms say, as patterns; the plainest first."""
    found = []
    for key, text in words("en").entries.items():
        if key.startswith(f"{EARLIER}."):
            parts = re.split(r"{(\w+)}", text)
            parts[::2] = map(re.escape, parts[::2])
            parts[1::2] = (f"(?P<{name}>.+?)" for name in parts[1::2])
            found.append((key, re.compile("".join(parts), re.DOTALL)))
    return sorted(found, key=lambda entry: entry[1].groups)


def _read(language: str) -> dict[str, Any]:
    text = (CATALOGUES / f"{language}.yaml").read_text(encoding="utf-8")
    entries: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # every value is text
    return entries


def _flat(entries: dict[str, Any], before: str = "") -> dict[str, str]:
    """Nested sections as `section.name`; lines that were folded are one."""
    found: dict[str, str] = {}
    for name, value in entries.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value.strip()
    return found
