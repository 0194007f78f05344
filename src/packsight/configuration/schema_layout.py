"""How a source's images are named; its tree is that of configs/layout/<kind>.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from packsight.configuration.schema_values import Config, Given, Texts, sentence
from packsight.domain import Perspective

# The keys that some kinds alone have.
OWN = {
    "pattern": ("pattern",),
    "camera": ("pattern", "imagefolder"),
    "table": ("table",),
    "columns": ("table",),
    "cameras": ("standard", "pattern", "table"),
}
Words = Annotated[Texts, Field(description="[] or the words that mean it")]
Column = Annotated[Given, Field(description="a column's name")]


class LabelWords(Config):
    damaged: Words
    intact: Words


class CameraWords(Config):
    top: Words
    side: Words


class ColumnsConfig(Config):
    path: Column | None
    serial: Column | None
    perspective: Column | None
    label: Column | None
    split: Column | None
    box: Column | None
    # Not in the tables of earlier versions.
    group: Column | None = None
    time: Column | None = None


class LayoutConfig(Config):
    """Of each kind the file says what it needs; what stands in no file of it is not there."""

    kind: Literal["standard", "pattern", "table", "imagefolder"]
    pattern: (
        Annotated[Given, Field(description="a pattern of paths, or a regular expression")] | None
    ) = None
    camera: Perspective | None = None
    table: Annotated[Given, Field(description="a table's file, here or in the source")] | None = (
        None
    )
    columns: ColumnsConfig | None = None
    labels: LabelWords
    cameras: CameraWords | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, values: Any) -> Any:
        """A key of another kind would have no effect."""
        if isinstance(values, dict):
            for key, kinds in OWN.items():
                if values.get(key) is not None and values.get("kind") not in kinds:
                    raise sentence(
                        f"layout.{key} is of layout={' or layout='.join(kinds)}, and "
                        f"layout={values.get('kind')} is chosen; add layout={kinds[0]}, or leave "
                        f"layout.{key} out."
                    )
        return values
