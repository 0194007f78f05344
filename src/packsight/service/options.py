"""The settings of `watch` read from the command line and from a YAML file."""

import argparse
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from packsight.errors import UserError
from packsight.service.settings import Settings
from packsight.system.files import reading

REMEDY = "mend it, or give the settings on the command line"
_FORMS = {
    "SECONDS": "a number of seconds above 0",
    "HOST:PORT": "such as 127.0.0.1:8080",
    "DAYS": "a whole number of days, or 0 for ever",
    "HOUR": "an hour from 0 to 23",
}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Options for all settings, and --settings for the file that may hold them."""
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="YAML file with settings by the names of these options (json_lines: verdicts.jsonl; "
        "folders: [belt]); the command line goes before it",
    )
    for each in fields(Settings):
        told = dict(each.metadata)
        help = told["help"].replace("%", "%%")
        if each.name == "folders":
            parser.add_argument("folders", nargs="*", type=_typed(each), metavar="FOLDER",
                                default=argparse.SUPPRESS, help=help)  # fmt: skip
            continue
        if told.get("repeated"):
            help += ". May be given several times"
        if each.default not in (None, (), False):
            help += f" (default: {_shown(each.default)})"
        options: dict[str, Any] = {"default": argparse.SUPPRESS, "dest": each.name, "help": help}
        if each.default is False:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = _listed(each) if told.get("many") else _typed(each)
            form = told.get("form") or "{" + ",".join(told["choices"]) + "}"
            options["metavar"] = f"{form}[,…]" if told.get("many") else form
            if told.get("repeated"):
                options["action"] = "append"
        parser.add_argument("--" + each.name.replace("_", "-"), **options)


def read_settings(given: argparse.Namespace) -> Settings:
    """The settings of a command line and its file. Raises UserError for what cannot be right."""
    file = getattr(given, "settings", None)
    values = _from_file(file) if file else {}
    names = {each.name for each in fields(Settings)}
    values |= {name: value for name, value in vars(given).items() if name in names}
    many = {each.name for each in fields(Settings) if _is_several(each)}
    values = {name: tuple(value) if name in many else value for name, value in values.items()}
    settings = Settings(**values)
    if not settings.folders:
        raise UserError("watch needs a folder in which images arrive; name one or more.")
    for folder in settings.folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; make it, or name one to be watched.")
    places = [folder.resolve() for folder in settings.folders]
    for first, second in ((a, b) for a in places for b in places if a is not b):
        if second == first or first in second.parents:
            raise UserError(
                f"{second} is watched twice, since {first} is watched with all folders below it; "
                "name each once."
            )
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    """A YAML file's settings, each read as the command line's are."""
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise UserError(
            f"{path} needs PyYAML, which is not installed; use pip install pyyaml, or give the "
            "settings on the command line."
        ) from error
    with reading(path, "YAML", REMEDY):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f"line {mark.line + 1}: " if mark else ""
            raise ValueError(line + str(getattr(error, "problem", error))) from error
        if not isinstance(content, dict):
            raise ValueError(f"it holds {type(content).__name__}, not names and values")
    known = {each.name: each for each in fields(Settings)}
    values = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}."
            raise UserError(f"{path} has the setting {key}, which there is not; {remedy}")
        if value is not None:
            values[name] = _value(known[name], value, path)
    return values


def _value(setting: "Field[Any]", value: Any, path: Path) -> Any:
    if setting.default is False:
        if isinstance(value, bool):
            return value
        raise UserError(f"{path}: {setting.name} is {value!r}; use true or false.")
    many = _is_several(setting)
    items = value if isinstance(value, list) and many else [value]
    try:
        if any(isinstance(item, list | dict | bool) for item in items):
            raise argparse.ArgumentTypeError(f"{value!r} is not {_wanted(setting)}")
        read = [_typed(setting)(str(item)) for item in items]
    except argparse.ArgumentTypeError as error:
        raise UserError(f"{path}: {setting.name}: {error}.") from error
    return read if many else read[0]


def _is_several(setting: "Field[Any]") -> bool:
    return any(setting.metadata.get(key, False) for key in ("many", "repeated"))


def _typed(setting: "Field[Any]") -> Callable[[str], Any]:
    """What reads a setting's text, for argparse and for the file."""

    def read(text: str) -> Any:
        choices = setting.metadata.get("choices")
        try:
            if choices and text not in choices:
                raise ValueError
            return setting.metadata["read"](text)
        except ValueError:
            told = f"{text!r} is not {_wanted(setting)}"
            raise argparse.ArgumentTypeError(told) from None

    return read


def _listed(setting: "Field[Any]") -> Callable[[str], list[Any]]:
    """What reads several values, with commas between them."""
    return lambda text: [_typed(setting)(part.strip()) for part in text.split(",")]


def _wanted(setting: "Field[Any]") -> str:
    choices = setting.metadata.get("choices")
    if choices:
        return f"one of {', '.join(choices)}"
    form = setting.metadata["form"]
    return _FORMS.get(form, f"a {form}")


def _shown(value: Any) -> str:
    assert value is not MISSING
    return " ".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
