"""The prepared data that is asked for, made where it is missing."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from packsight.errors import UserError
from packsight.preparation.fingerprint import known_fingerprint
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.prepare import prepare, preview
from packsight.preparation.prepared import check_settings, is_prepared, made_from
from packsight.preparation.reading import Layout
from packsight.preparation.splits import SplitSettings
from packsight.preparation.target import archive_of
from packsight.sample.render import render_sample
from packsight.system.console import console
from packsight.system.files import temporary_folder
from packsight.system.half_written import clear_beside
from packsight.system.lock import locked


@dataclass(frozen=True)
class DataRequest:
    """Images to be prepared into `folder`; without a source, a sample that is rendered.

    A source that is prepared data already is used as it is.
    """

    source: str | None  # a folder or zip
    folder: str
    settings: SplitSettings = field(default_factory=SplitSettings)
    layout: Layout = field(default_factory=StandardLayout)
    sample: Mapping[str, Any] = field(default_factory=dict)  # arguments of render_sample
    max_unpacked_gb: float = 20.0
    overwrite: bool = False

    @property
    def target(self) -> Path:
        """Where the prepared data stand, or will."""
        if self.source is not None and is_prepared(Path(self.source)):
            return Path(self.source)
        return Path(self.folder)

    @property
    def is_ready(self) -> bool:
        """Whether the data need no preparation any more."""
        return is_prepared(self.target)

    def prepare(self) -> Path:
        """Prepare the source, or a rendered sample, once: other processes wait for it."""
        with self._locked(Path(self.folder)):
            return self._prepare(Path(self.folder))

    def preview(self) -> None:
        """Print what would be understood of the source. Raises UserError if nothing is."""
        if self.source is None:
            raise UserError("dry_run=true shows what is understood of images; give data.source=.")
        preview(self.source, self.layout, self.max_unpacked_gb)

    def provide(self) -> Path:
        """Prepared data, a folder or zip; prepared now if that was not done yet.

        Raises UserError if data of that name came from other images or with other settings.
        """
        target = self.target
        if not self.is_ready:
            with self._locked(target):
                if not self.is_ready:
                    self._prepare(target)
        elif self.source is None:
            check_settings(target, {"source": self._source_name, **self._settings})
        elif Path(self.source) != target:
            check_settings(target, self._settings)
            self._check_source(Path(self.source), target)
        elif self.layout.values() != StandardLayout().values():
            said = f"layout={self.layout.kind} has no effect: {self.source} is prepared data"
            console.print(escape(said), soft_wrap=True, highlight=False)
        return target

    def _check_source(self, source: Path, target: Path) -> None:
        """Raise UserError if the source holds other images now than those that were prepared."""
        limit = int(self.max_unpacked_gb * 10**9)
        traced = self.settings.traced() | self.layout.traced()
        holds = known_fingerprint(source, traced, target, limit)
        if holds != made_from(target):
            raise UserError(
                f"{target} was prepared from other images than {source} holds now; choose another "
                "data.name, or prepare it again with data.overwrite=true."
            )

    def _locked(self, target: Path) -> AbstractContextManager:
        return locked(target.with_name(f".{target.name}.lock"), f"preparing {target}")

    def _prepare(self, target: Path) -> Path:
        for path in (target, archive_of(target)):
            clear_beside(path)
        limits: dict[str, Any] = {
            "max_unpacked_gb": self.max_unpacked_gb,
            "overwrite": self.overwrite,
            "layout": self.layout,
        }
        if self.source is not None:
            return prepare(self.source, target, self.settings, **limits)
        with temporary_folder() as folder:
            rendered = folder / self._source_name
            render_sample(rendered, **self.sample)
            return prepare(rendered, target, self.settings, **limits)

    @property
    def _settings(self) -> dict[str, Any]:
        return self.settings.values() | {"layout": self.layout.values()}

    @property
    def _source_name(self) -> str:
        """What stands in summary.json as the source: a file's name, or the sample's settings."""
        if self.source is not None:
            return Path(self.source).name
        return "sample-" + "-".join(str(value) for value in self.sample.values())
