"""The words of the page: a file of entries for each language, and one lookup."""

import json
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

LANGUAGES = ("en", "pt")


class Words(Formatter):
    """Text and numbers as one language writes them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.entries: dict[str, str] = json.loads(site(f"{language}.json"))

    def __call__(self, key: str, /, **values: Any) -> str:
        """The text of a key with its values; a number is written as the language does."""
        return self.vformat(self.entries[key], (), values)

    def named(self, section: str, name: str) -> str:
        """What a value of the code is called; one that the section does not know stays itself."""
        return self.entries.get(f"{section}.{name}", name)

    def counted(self, key: str, count: int) -> str:
        return self(f"{key}.{'one' if count == 1 else 'other'}", count=count)

    def number(self, value: float, form: str = ",.0f") -> str:
        """As Python's format says, with the language's signs."""
        signs = {".": self.entries["number.decimal"], ",": self.entries["number.thousands"]}
        return "".join(signs.get(sign, sign) for sign in format(value, form))


def site(name: str) -> bytes:
    """A file that travels with the page."""
    return files("packsight.page").joinpath("site", name).read_bytes()


@cache
def words(language: str) -> Words:
    """The words of a language, read once."""
    return Words(language)


def spoken(wanted: str) -> str:
    """The language that an Accept-Language header asks for first, of those that there are."""
    asked = []
    for part in wanted.split(","):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        asked.append((-weight, tag.strip().lower().split("-")[0]))
    for weight, tag in sorted(asked, key=lambda one: one[0]):
        if tag in LANGUAGES and weight:
            return tag
    return LANGUAGES[0]
