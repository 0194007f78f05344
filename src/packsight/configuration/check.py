"""A composed configuration, checked before anything is made."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from packsight.configuration.choices import PARTS
from packsight.configuration.schema import SCHEMAS
from packsight.configuration.sentences import missing, told
from packsight.configuration.targets import check_targets
from packsight.errors import UserError

SHOWN = 3  # mistakes that are told at once


def checked(cfg: DictConfig, stage: str) -> DictConfig:
    """The same configuration with text where numbers stood for it, and lists of single values.

    Interpolations stay. Raises UserError with a sentence for each of the first mistakes.
    """
    values = _resolved(cfg, stage)
    try:
        config = SCHEMAS[stage].model_validate(values)
    except ValidationError as error:
        raise UserError(_told(error, cfg, stage, values)) from None
    check_targets(values, stage)
    for key, value in _normalised(values, config.model_dump(mode="json")):
        if not _is_interpolated(cfg, key):
            OmegaConf.update(cfg, key, value)
    return cfg


def _resolved(cfg: DictConfig, stage: str) -> dict[str, Any]:
    """Plain values. Raises UserError where one is not given, or refers to what is not there."""
    settings = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != PARTS])
    given = cast(dict[str, Any], OmegaConf.to_container(settings))
    absent = [key for key, value in leaves(given) if value == MISSING]
    if absent:
        raise UserError(" ".join(missing(stage, key) for key in absent))
    try:
        return cast(dict[str, Any], OmegaConf.to_container(settings, resolve=True))
    except OmegaConfBaseException as error:
        raw = dict(leaves(given)).get(error.full_key or "", "")
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{error.full_key}={raw} refers to what is not there ({reason}); write \\${{…}} where "
            "a dollar sign is meant."
        ) from None


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with a value of their own, "data.name" for one."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _told(error: ValidationError, cfg: DictConfig, stage: str, values: dict[str, Any]) -> str:
    """Each key's first mistake; what is taken over from a wrong key is not a mistake of its own."""
    found: dict[str, str] = {}
    for details in error.errors(include_url=False):
        key, sentence = told(details, stage, values)
        found.setdefault(key, sentence)
    own = {key: said for key, said in found.items() if not _is_interpolated(cfg, key)} or found
    sentences = [*own.values()]
    more = len(sentences) - SHOWN
    return " ".join(sentences[:SHOWN]) + (f" And {more} more." if more > 0 else "")


def _is_interpolated(cfg: DictConfig, key: str) -> bool:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return isinstance(node, DictConfig) and name in node and OmegaConf.is_interpolation(node, name)


def _normalised(given: Any, valid: Any, key: str = "") -> list[tuple[str, Any]]:
    """The keys whose value the schema has made text, or a list, of something else."""
    if isinstance(given, Mapping) and isinstance(valid, Mapping):
        return [
            change
            for name in given.keys() & valid.keys()
            for change in _normalised(given[name], valid[name], f"{key}.{name}" if key else name)
        ]
    is_list = isinstance(valid, list)
    same = (
        isinstance(given, list) and [*map(type, given)] == [*map(type, valid)]
        if is_list
        else (isinstance(given, str) or not isinstance(valid, str))
    )
    return [] if same else [(key, valid)]
