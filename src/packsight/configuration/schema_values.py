"""Types of single values: what may stand for a key, and how that is said in words."""

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import PydanticCustomError

from packsight.domain import Baseline, Perspective

METRICS = (
    "loss", "accuracy", "precision_damaged", "recall_damaged", "precision_intact", "recall_intact",
    "f1", "auroc", "average_precision",
)  # fmt: skip
MONITORED = tuple(f"val/{name}" for name in METRICS)  # what validation computes in each epoch
WATCHED = (*MONITORED, *(f"train/{name}" for name in METRICS), "lr", "epoch", "step")
SENTENCE = "sentence"  # the kind of error whose message is all that there is to say
STORED = "stored"  # the context of what a run was trained with: it was done, whatever its name
TAKEN = ("data", "cache")  # folders below outputs/ that hold no runs


class Config(BaseModel):
    """A part of a configuration; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def sentence(told: str) -> PydanticCustomError:
    """An error that says by itself what is wrong and what to do."""
    return PydanticCustomError(SENTENCE, "{told}", {"told": told})


def _text(value: Any) -> Any:
    """What YAML has read as a number or a truth value, as text again."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _list(value: Any) -> Any:
    """A list's single value may stand without brackets."""
    return value if value is None or isinstance(value, list | tuple | Mapping) else [value]


def as_stored(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """A section that says how a run was trained: checked before, and not afterwards."""
    return value if info.context == STORED and isinstance(value, dict) else check(value)


def _folder_key(name: str, info: ValidationInfo) -> str:
    if info.context == STORED:
        return name
    printable = name.isprintable() and name == name.strip()
    # Windows knows both separators, and drives.
    if not printable or name.startswith(".") or PureWindowsPath(name).parts != (name,):
        raise ValueError
    return name


def _variant(name: str, info: ValidationInfo) -> str:
    return _folder_key(name, info) if name else name


def _experiment(name: str, info: ValidationInfo) -> str:
    if name in TAKEN and info.context != STORED:
        raise ValueError
    return name


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError
    return values


def _monitored(name: str, info: ValidationInfo) -> str:
    if name not in MONITORED and info.context != STORED:
        raise ValueError
    return name


def _watched(name: str) -> str:
    if name not in WATCHED:
        raise ValueError
    return name


def _several(size: int, info: ValidationInfo) -> int:
    if size < 2 and info.context != STORED:
        raise ValueError
    return size


KEY = "a plain name for a folder: no path, no dot in front"

Text = Annotated[str, BeforeValidator(_text)]
Given = Annotated[Text, Field(min_length=1)]
FolderKey = Annotated[Given, AfterValidator(_folder_key), Field(description=KEY)]
Experiment = Annotated[
    FolderKey, AfterValidator(_experiment), Field(description=f"{KEY}, not data or cache")
]
Variant = Annotated[Text, AfterValidator(_variant), Field(description=f"auto, or {KEY}")]
Outputs = Annotated[Given, Field(description="a folder")]
Texts = Annotated[list[Given], BeforeValidator(_list)]
Monitor = Annotated[
    Text, AfterValidator(_monitored), Field(description=f"one of {', '.join(MONITORED)}")
]
Watched = Annotated[
    Text, AfterValidator(_watched), Field(description=f"one of {', '.join(WATCHED)}")
]

Natural = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
BatchSize = Annotated[
    Count,
    AfterValidator(_several),
    Field(description="a whole number of at least 2, for batch normalisation averages over images"),
]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
Pixels = Annotated[int, Field(strict=True, ge=32, le=8192)]
Size = Annotated[
    Pixels | tuple[Pixels, Pixels],
    Field(description="pixels from 32 to 8192, a whole number or [height,width]"),
]

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Bound = Annotated[float, Field(strict=True, ge=0, description="a number of at least 0, or inf")]
Share = Annotated[Number, Field(ge=0, le=1)]
PositiveShare = Annotated[Number, Field(gt=0, le=1)]
PartialShare = Annotated[Number, Field(ge=0, lt=1)]
Degrees = Annotated[Number, Field(ge=0, le=180)]

Switch = Annotated[bool, Field(strict=True)]
Device = Literal["auto", "cpu", "cuda", "gpu"]
Cameras = Annotated[list[Perspective], BeforeValidator(_list), AfterValidator(_distinct)]
Baselines = Annotated[
    list[Baseline],
    BeforeValidator(_list),
    AfterValidator(_distinct),
    Field(min_length=1, description=f"one or more of {', '.join(Baseline)}"),
]
