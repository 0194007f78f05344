"""A training's configuration; its tree is that of configs/train.yaml and its groups."""

from math import lcm
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from packsight.configuration.schema_layout import LayoutConfig
from packsight.configuration.schema_sections import (
    Callbacks,
    Loggers,
    SomeOptimizer,
    SomeScheduler,
    SomeTrainer,
    TransformPart,
)
from packsight.configuration.schema_values import (
    MONITORED,
    STORED,
    BatchSize,
    Bound,
    Cameras,
    Config,
    Count,
    Degrees,
    Experiment,
    FolderKey,
    Given,
    Monitor,
    Natural,
    Number,
    Outputs,
    PartialShare,
    Positive,
    PositiveShare,
    Seed,
    Share,
    Size,
    Switch,
    Variant,
    sentence,
)
from packsight.domain import Burst, Conflict, CropSource, Perspective, Precision, SplitBy

Fraction = Annotated[Number, Field(gt=0, lt=1)]
Source = Annotated[Given, Field(description="a folder or a zip of images, or prepared data")]


class Fractions(Config):
    train: Fraction
    val: Fraction
    test: Fraction

    @model_validator(mode="after")
    def _all_packages(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise sentence(
                f"data.fractions add up to {total:.4g} (train={self.train:g}, val={self.val:g}, "
                f"test={self.test:g}); give shares that add up to 1."
            )
        return self


class SampleConfig(Config):
    packages: Count
    seed: Seed
    damage_scale: Positive


class DataConfig(Config):
    source: Source | None
    name: FolderKey
    split_seed: Seed
    fractions: Fractions
    split: SplitBy
    folds: Annotated[int, Field(strict=True, ge=2)]
    fold: Natural | None
    train_share: PositiveShare | None
    image_size: Size | None
    batch_size: BatchSize
    num_workers: Natural
    on_device: Literal["auto"] | Switch | None
    cache_gb: Bound
    max_unpacked_gb: Positive
    overwrite: Switch
    sample: SampleConfig

    @model_validator(mode="after")
    def _has_the_fold(self) -> Self:
        if self.fold is not None and self.fold >= self.folds:
            raise sentence(
                f"data.fold={self.fold} is not a fold: data.folds={self.folds} makes 0 … "
                f"{self.folds - 1}."
            )
        if self.fold is not None and self.split != SplitBy.RANDOM:
            raise sentence(
                f"data.fold={self.fold} is no part of data that data.split={self.split} divides: a "
                "fold would be tested by what came after it; leave data.fold out, or use "
                "data.split=random."
            )
        return self


class PerspectiveConfig(Config):
    name: Given
    cameras: Annotated[
        Cameras, Field(min_length=1, description=f"one or more of {', '.join(Perspective)}")
    ]
    horizontal_flip: Share
    vertical_flip: Share
    paired: Switch
    camera_dropout: PartialShare
    shared_backbone: Switch
    rotate: Degrees
    crop_size: Size

    @model_validator(mode="after")
    def _is_a_pair(self) -> Self:
        if self.paired and len(self.cameras) < 2:
            raise sentence(
                "perspective.paired=true needs both cameras; use perspective=pair, or "
                "perspective.cameras=[top,side]."
            )
        return self


class CropConfig(Config):
    name: CropSource
    margin: Annotated[Number, Field(ge=0, le=2)]
    upright: Annotated[Cameras, Field(description=f"[] or one or more of {', '.join(Perspective)}")]
    image_size: Size | None


def _described(architecture: dict[str, Any]) -> dict[str, Any]:
    kinds = {"model": str, "arguments": dict, "pretraining": dict}
    if {key: type(value) for key, value in architecture.items()} != kinds:
        raise ValueError
    return architecture


Described = Annotated[
    dict[str, Any],
    AfterValidator(_described),
    Field(description="what a backbone's config.json says; filled in when the run starts"),
]


class ModelConfig(Config):
    backbone: Annotated[
        Given, Field(description="a timm model's name, hf-hub:<owner>/<name> or local-dir:<folder>")
    ]
    architecture: Described | None
    weights: Annotated[
        Given,
        Field(description="imagenet, bundled, none, a weights file, or a packsight run or .ckpt"),
    ]
    drop_rate: PartialShare
    memory_format: Literal["channels_last", "contiguous", "auto"]
    compile: (
        Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] | None
    )


class TransformsConfig(Config):
    pipeline: dict[str, TransformPart | None]
    average_mirrored: Switch


class FinetuneConfig(Config):
    backbone_lr_scale: Annotated[Number, Field(ge=0, le=10)]
    label_smoothing: PartialShare
    frozen_share: Share
    views: Natural


class PrecisionConfig(Config):
    name: Precision | Literal["auto"]


class RunConfig(Config):
    on_conflict: Conflict
    wait: Switch


class TrainConfig(Config):
    data: DataConfig
    layout: LayoutConfig
    perspective: PerspectiveConfig
    crop: CropConfig
    model: ModelConfig
    transforms: TransformsConfig
    finetune: FinetuneConfig
    optimizer: SomeOptimizer
    scheduler: SomeScheduler
    precision: PrecisionConfig
    trainer: SomeTrainer
    callbacks: Callbacks
    logger: Loggers
    recipe: Given | None = None
    name: Experiment
    seed: Seed
    outputs: Outputs
    burst: Burst
    monitor: Monitor
    monitor_mode: Literal["min", "max"]
    variant: Variant
    run: RunConfig
    folder: Given | None
    measured: dict[str, Any] | None
    manifest: Given | None
    weights_content: Given | None

    @model_validator(mode="after")
    def _mode_fits(self, info: ValidationInfo) -> Self:
        if info.context == STORED:
            return self
        mode, better = ("min", "lower") if self.monitor == MONITORED[0] else ("max", "higher")
        if self.monitor_mode != mode:
            raise sentence(
                f"monitor_mode={self.monitor_mode} does not fit monitor={self.monitor}, of which "
                f"{better} is better; use monitor_mode={mode}."
            )
        return self

    @model_validator(mode="after")
    def _is_validated(self, info: ValidationInfo) -> Self:
        if info.context == STORED:  # it was done, or is damaged in a way that training tells
            return self
        best: Any = self.callbacks["best"]
        validated, saved = (
            self.trainer.get("check_val_every_n_epoch", 1),
            best.get("every_n_epochs", 1),
        )
        epochs = self.trainer["max_epochs"]
        if lcm(validated, max(saved, 1)) > epochs:
            raise sentence(
                f"trainer.max_epochs={epochs} ends before a model is validated and kept (every "
                f"{validated} epochs by trainer.check_val_every_n_epoch, every {saved} by "
                "callbacks.best.every_n_epochs); train longer, or validate more often."
            )
        return self
