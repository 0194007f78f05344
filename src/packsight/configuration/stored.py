"""The configurations of runs, of whatever version: read and written in one place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError

from packsight.configuration.choices import PARTS
from packsight.configuration.schema import TrainConfig
from packsight.configuration.schema_values import STORED
from packsight.configuration.sentences import told
from packsight.configuration.upgrade import upgrade
from packsight.configuration.yaml_text import load
from packsight.errors import UserError
from packsight.system.files import replacing

FILE = "config.yaml"
REMEDY = "restore it from a copy (models.zip holds one), or train the run again."


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """A composed configuration as it is stored: plain values, without what they come to."""
    settings = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != PARTS])
    return cast(dict[str, Any], OmegaConf.to_container(settings, resolve=True))


def write_values(values: Mapping[str, Any], folder: Path) -> None:
    """Store what a run is trained with."""
    with replacing(folder / FILE) as temporary:
        OmegaConf.save(OmegaConf.create(dict(values)), temporary)


def read_config(folder: Path) -> TrainConfig:
    """What the run in a folder was trained with. Raises UserError for a damaged config.yaml."""
    return config_from(_load(folder / FILE), str(folder / FILE))


def read_values(folder: Path) -> dict[str, Any]:
    """The same as plain values, each of them. Raises UserError as `read_config`."""
    values = _load(folder / FILE)
    config_from(values, str(folder / FILE))
    return upgrade(values)


def _load(file: Path) -> Any:
    try:
        return load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file.parent} holds no {FILE}; give the folder of a run.") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); {REMEDY}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text (byte {error.start}); {REMEDY}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{file} is no YAML ({_described(error)}); {REMEDY}") from error
    except (RecursionError, ValueError) as error:  # nested without end; a number that is none
        raise UserError(f"{file} is no configuration ({error}); {REMEDY}") from error


def config_from(values: object, where: str) -> TrainConfig:
    """A stored configuration, of whatever version; keys that we do not know are left out.

    How it was trained (optimizer, trainer, …) is taken as it stands, for it was done. Raises
    UserError that names `where` the values come from and what is wrong with them.
    """
    if not isinstance(values, Mapping) or not values:
        said = "is empty" if not values else "holds no keys with values"
        raise UserError(f"{where} {said}; {REMEDY}")
    try:
        known = upgrade(values)
        try:
            return _valid(known)
        except ValidationError as error:
            unknown = [e["loc"] for e in error.errors() if e["type"] == "extra_forbidden"]
        for place in unknown:
            known = _without(known, place)
        return _valid(known)
    except ValidationError as error:
        details = error.errors(include_url=False)
        key, sentence = told(details[0], "train", known)
        said = f"it has no {key}" if details[0]["type"] == "missing" else sentence.rstrip(".")
        more = f", and {len(details) - 1} more mistakes" * (len(details) > 1)
        raise UserError(f"{where} is damaged: {said}{more}; {REMEDY}") from None
    except RecursionError:
        raise UserError(f"{where} is damaged: it is nested without end; {REMEDY}") from None


def _valid(values: Mapping[str, Any]) -> TrainConfig:
    return TrainConfig.model_validate(values, context=STORED)


def _without(values: Mapping[Any, Any], place: Sequence[str | int]) -> dict[Any, Any]:
    """The same values without the one at a place."""
    first, *rest = place
    if not rest:
        return {key: value for key, value in values.items() if key != first}
    return {**values, first: _without(values[first], rest)}


def _described(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    return f"{line}{getattr(error, 'problem', None) or str(error).splitlines()[0]}"
