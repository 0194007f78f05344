"""The config groups below configs/: their choices, and which keys each of them has."""

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from packsight.configuration.yaml_text import load
from packsight.system.resources import CONFIGS

GLOBAL = "# @package _global_"  # first line of files whose keys stand at the top
SWEEPER = "override /hydra/sweeper"
PARTS = "parts"  # what the settings come to; it holds nothing that is not set elsewhere
NOT_CHOSEN = ("hydra", "override", PARTS)


class Choices:
    """What a stage can choose among, read from the files without composing them."""

    def __init__(self, stage: str, folder: Path = CONFIGS) -> None:
        self.stage = stage
        self.folder = folder

    @cached_property
    def groups(self) -> list[str]:
        """The stage's config groups that are there to be chosen from."""
        names = [name for entry in self._defaults(self.stage) for name in entry]
        return [name for name in names if not name.startswith(NOT_CHOSEN)]

    @cached_property
    def own(self) -> set[str]:
        """Keys that stand in the stage's own file."""
        return set(_names(_read(self.folder / f"{self.stage}.yaml")))

    def options(self, group: str) -> list[str]:
        """A group's choices, in order."""
        files = (self.folder / group).rglob("*.yaml")
        return sorted(
            file.relative_to(self.folder / group).with_suffix("").as_posix() for file in files
        )

    def is_global(self, group: str) -> bool:
        """Whether a group's files set keys of other groups, and several of them can be chosen."""
        return any(
            (self.folder / group / f"{option}.yaml").read_text("utf-8").startswith(GLOBAL)
            for option in self.options(group)
        )

    def section(self, group: str, option: str) -> dict[str, Any]:
        """A choice's values, those that it inherits from its neighbours among them."""
        own = _read(self.folder / group / f"{option}.yaml")
        values: dict[str, Any] = {}
        for name in _inherited(own):
            values = _merged(values, self.section(group, name))
        return _merged(values, {key: value for key, value in own.items() if key != "defaults"})

    def keys(self, group: str, option: str) -> set[str]:
        """All keys of a choice, "optimizer.lr" for one."""
        return set(_names(self.section(group, option), f"{group}."))

    def having(self, key: str) -> list[str]:
        """The choices of a key's group that have it."""
        group = key.split(".")[0]
        return [option for option in self.options(group) if key in self.keys(group, option)]

    def is_common(self, key: str) -> bool:
        """Whether every composed configuration of the stage has the key."""
        group = key.split(".")[0]
        in_all = group in self.groups and len(self.having(key)) == len(self.options(group))
        return in_all or key in self.own

    def searches(self) -> list[str]:
        """Experiments that bring a sweeper of their own."""
        return [name for name in self.options("experiment") if self._is_search(name)]

    def _is_search(self, experiment: str) -> bool:
        entries = self._defaults(f"experiment/{experiment}")
        inherited = _inherited(_read(self.folder / "experiment" / f"{experiment}.yaml"))
        return any(SWEEPER in entry for entry in entries) or any(map(self._is_search, inherited))

    def _defaults(self, name: str) -> list[dict[str, Any]]:
        entries = _read(self.folder / f"{name}.yaml").get("defaults", [])
        return [entry for entry in entries if isinstance(entry, dict)]


def hydra_names(folder: Path = CONFIGS) -> set[str]:
    """Keys and groups of Hydra's own configuration, those of our files for it among them."""
    from hydra.conf import HydraConf
    from omegaconf import OmegaConf

    own = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.structured(HydraConf)))
    names = set(_names(own, "hydra."))
    for file in (folder / "hydra").rglob("*.yaml"):
        group = file.parent.relative_to(folder).as_posix()
        names |= {group, *_names(_read(file), f"{group.replace('/', '.')}.")}
    return names


@cache
def _read(file: Path) -> dict[str, Any]:
    return load(file.read_text("utf-8")) or {}


def _inherited(values: Mapping[str, Any]) -> list[str]:
    """The neighbours that a file is built on."""
    return [e for e in values.get("defaults", []) if isinstance(e, str) and e != "_self_"]


def _names(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _names(value, f"{prefix}{name}.")


def _merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(values[key], value)
        if isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
        else value
        for key, value in others.items()
    }
    return {**values, **both}
