"""Sections that name a `_target_`: keys that we know are typed, others are its own arguments.

They stay plain dictionaries, which is what `hydra.utils.instantiate` takes; `targets` compares
their other keys with the signature of what they name.
"""

from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    Required,  # of which pydantic needs the newer one
)

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WrapValidator,
    with_config,
)
from typing_extensions import TypedDict

from packsight.configuration.schema_values import (
    Baselines,
    Count,
    Given,
    Natural,
    NotNegative,
    Number,
    PartialShare,
    Positive,
    PositiveShare,
    Share,
    Switch,
    Text,
    Watched,
    as_stored,
    sentence,
)

OPEN = ConfigDict(extra="allow")
Target = Annotated[Given, Field(description="the full name of a class or function")]
Rate = Annotated[Number, Field(gt=0, le=10)]
Mode = Literal["min", "max"]


@with_config(OPEN)
class Optimizer(TypedDict, total=False):
    _target_: Required[Target]
    _partial_: Required[Literal[True]]  # the parameters come later
    lr: Required[Rate]
    weight_decay: Required[NotNegative]
    momentum: Share
    dampening: Share
    nesterov: Switch
    betas: tuple[PartialShare, PartialShare]
    eps: Positive
    amsgrad: Switch
    foreach: Switch | None
    fused: Switch | None


def _has_momentum(optimizer: Optimizer) -> Optimizer:
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        raise sentence(
            "optimizer.nesterov=true needs momentum; give optimizer.momentum, or use "
            "optimizer.nesterov=false."
        )
    return optimizer


@with_config(OPEN)
class Scheduler(TypedDict, total=False):
    _target_: Required[Target]
    _partial_: Required[Literal[True]]  # the optimiser and the number of steps come later
    warmup_share: Share
    final_scale: Share


@with_config(OPEN)
class Trainer(TypedDict, total=False):
    """Of Lightning's arguments those that have a range, or that packsight cannot do without."""

    _target_: Required[Target]
    accelerator: Literal["auto", "cpu", "cuda", "gpu"]
    strategy: Given
    devices: Count | Literal["auto"] | list[Natural]
    num_nodes: Count
    max_epochs: Required[Count]
    max_steps: Literal[-1]  # a run is counted in epochs: an unfinished one is not validated
    accumulate_grad_batches: Count
    gradient_clip_val: NotNegative | None
    gradient_clip_algorithm: Literal["norm", "value"] | None
    limit_train_batches: Count | PositiveShare
    limit_val_batches: Count | PositiveShare
    check_val_every_n_epoch: Count
    log_every_n_steps: Natural
    num_sanity_val_steps: Natural
    enable_checkpointing: Literal[True]
    enable_model_summary: Switch
    enable_progress_bar: Switch
    fast_dev_run: Literal[False]
    barebones: Literal[False]
    deterministic: Switch | Literal["warn"]
    benchmark: Switch | None
    inference_mode: Switch
    detect_anomaly: Switch
    sync_batchnorm: Switch
    use_distributed_sampler: Switch


@with_config(OPEN)
class Callback(TypedDict, total=False):
    _target_: Required[Target]
    monitor: Watched | None
    mode: Mode
    patience: Count
    min_delta: NotNegative
    dirpath: Given | None
    filename: Given | None
    every_n_epochs: Natural
    save_top_k: Annotated[int, Field(strict=True, ge=-1)]
    save_weights_only: Switch
    enable_version_counter: Switch


def _has_best(callbacks: dict[str, Any]) -> dict[str, Any]:
    if not callbacks.get("best"):
        raise sentence(
            "callbacks.best is what writes the model that all other stages use; keep it."
        )
    for key, value in (("save_top_k", 1), ("filename", "best")):
        if (given := callbacks["best"].get(key, value)) != value:
            raise sentence(
                f"callbacks.best.{key}={given} would not leave one checkpoints/best.ckpt, the "
                f"model that all other stages use; keep {value}."
            )
    return callbacks


@with_config(OPEN)
class Logger(TypedDict, total=False):
    _target_: Required[Target]
    save_dir: Given | None
    name: Text | None
    default_hp_metric: Switch


def _one_or_several(logger: Any) -> str:
    return "one" if isinstance(logger, Mapping) and "_target_" in logger else "several"


@with_config(OPEN)
class TransformPart(TypedDict, total=False):
    """One random change to a training image."""

    _target_: Required[Target]
    p: Share  # its probability


@with_config(OPEN)
class Explainer(TypedDict, total=False):
    _target_: Required[Target]
    baselines: Baselines
    steps: Annotated[int, Field(strict=True, ge=2)]
    max_steps: Annotated[int, Field(strict=True, ge=2)]
    samples: Count
    max_samples: Count
    noise: PartialShare
    window: PositiveShare
    stride: PositiveShare
    max_batch: Required[Count]


Stored = WrapValidator(as_stored)
SomeOptimizer = Annotated[Optimizer, AfterValidator(_has_momentum), Stored]
SomeScheduler = Annotated[Scheduler, Stored]
SomeTrainer = Annotated[Trainer, Stored]
Callbacks = Annotated[dict[str, Callback | None], AfterValidator(_has_best), Stored]
Loggers = Annotated[
    Annotated[
        Annotated[Logger, Tag("one")] | Annotated[dict[str, Logger | None], Tag("several")],
        Discriminator(_one_or_several),
    ],
    Stored,
]
