"""The configuration of every stage; its tree is that of configs/<stage>.yaml."""

import warnings
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from packsight.configuration.schema_decision import DecisionConfig, Portion
from packsight.configuration.schema_layout import LayoutConfig
from packsight.configuration.schema_sections import Explainer
from packsight.configuration.schema_train import DataConfig, Source, TrainConfig
from packsight.configuration.schema_values import (
    Config,
    Count,
    Device,
    Experiment,
    Given,
    Natural,
    Outputs,
    Pixels,
    Positive,
    Share,
    Switch,
    Texts,
)
from packsight.domain import Fusion, Perspective, Precision, Split

SECTIONS = ("processes", "levers", "sweep", "data", "steps", "startup", "usage", "line", "gpu")

Runs = Annotated[
    Given,
    Field(description="a run folder, an experiment folder, a packsight .ckpt, or models.zip"),
]
Results = Annotated[Given, Field(description="a folder for the results")]
Member = Annotated[Given, Field(description="a pattern of run folders, such as '*/side/*'")]


def _sections(names: list[str]) -> list[str]:
    if not set(names) <= set(SECTIONS):
        raise ValueError
    return names


class PrepareConfig(Config):
    data: DataConfig
    layout: LayoutConfig
    dry_run: Switch
    outputs: Outputs


class PreparedConfig(Config):
    path: Annotated[Given, Field(description="prepared data, a folder or data.zip")] | None


class ServedConfig(Config):
    path: Annotated[Given, Field(description="the file decision.json, or none")] | None


class EvaluateConfig(Config):
    run: Runs
    member: Member
    decision: ServedConfig
    data: PreparedConfig
    split: Split
    output: Results | None
    batch_size: Count
    fusion: Fusion
    device: Device
    outputs: Outputs
    max_unpacked_gb: Positive


class ExplainConfig(Config):
    explainer: Explainer
    run: Runs
    member: Member
    data: PreparedConfig
    split: Split
    images: Annotated[Texts, Field(description="serials, or <serial>_<perspective>")]
    per_outcome: Natural
    measured: Count | None
    sanity: Natural
    output: Results | None
    device: Device
    outputs: Outputs
    max_unpacked_gb: Positive


class CameraConfig(Config):
    name: Perspective | None


class PredictConfig(Config):
    explainer: Explainer
    layout: LayoutConfig
    run: Runs
    member: Member
    source: Annotated[Given, Field(description="images: a folder, a zip or one file")]
    output: Results
    decision: ServedConfig
    prior: Portion | Literal["estimate"] | None
    perspective: CameraConfig
    batch_size: Count
    fusion: Fusion | None
    device: Device
    locate: Switch
    overwrite: Switch
    max_unpacked_gb: Positive
    outputs: Outputs


class NumbersConfig(Config):
    name: Literal["fp32", "fp16", "int8"]


class ExportConfig(Config):
    run: Runs
    member: Member
    output: Annotated[Given, Field(description="the file to write, such as line7.pyz")]
    decision: ServedConfig
    source: Annotated[Given, Field(description="prepared data, a folder or data.zip")] | None
    precision: NumbersConfig
    agreement: Share
    mirrors: Switch
    overwrite: Switch
    max_unpacked_gb: Positive
    outputs: Outputs


class DecideConfig(Config):
    decision: DecisionConfig
    run: Annotated[Given, Field(description="an experiment folder, a run folder, or models.zip")]
    member: Member
    fusion: Fusion | None
    output: Results | None
    max_unpacked_gb: Positive


class ReportConfig(Config):
    name: Experiment
    outputs: Outputs
    max_belt_share: Share | None
    language: Literal["en", "pt"]
    archive: Switch
    data: PreparedConfig
    max_unpacked_gb: Positive


class GpuBenchmarkConfig(Config):
    parts: Annotated[
        list[Literal["steps", "training", "waits", "compiled", "sweep", "usage"]],
        Field(min_length=1, description="some of steps, training, waits, compiled, sweep, usage"),
    ]
    backbones: Annotated[Texts, Field(min_length=1, description="names of timm models")]
    batch_sizes: Annotated[list[Count], Field(min_length=1, description="images of a step")]
    precisions: Annotated[
        list[Precision], Field(min_length=1, description=f"some of {', '.join(Precision)}")
    ]


class BenchmarkConfig(Config):
    sections: Annotated[
        Texts,
        AfterValidator(_sections),
        Field(min_length=1, description=f"one or more of {', '.join(SECTIONS)}"),
    ]
    source: Source | None
    packages: Count
    backbone: Given
    image_size: Pixels
    batch_size: Count
    epochs: Count
    repetitions: Count
    backbones: Annotated[Texts, Field(min_length=1, description="names of timm models")]
    compile: Switch
    gpu: GpuBenchmarkConfig
    timm_train: Annotated[Given, Field(description="the file train.py of timm")] | None
    output: Results
    outputs: Outputs


with warnings.catch_warnings():
    # BaseModel has a deprecated method of the name `json`, which nobody here calls.
    warnings.simplefilter("ignore", UserWarning)

    class DoctorConfig(Config):
        outputs: Outputs
        fix: Switch
        json: Switch  # type: ignore[assignment]


SCHEMAS: dict[str, type[Config]] = {
    "train": TrainConfig,
    "prepare": PrepareConfig,
    "evaluate": EvaluateConfig,
    "explain": ExplainConfig,
    "predict": PredictConfig,
    "decide": DecideConfig,
    "export": ExportConfig,
    "report": ReportConfig,
    "benchmark": BenchmarkConfig,
    "doctor": DoctorConfig,
}
