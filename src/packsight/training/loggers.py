"""A run's loggers: made, and taken up again where a run goes on."""

import math
import os
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.utils import get_class, instantiate
from lightning.pytorch.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from packsight.errors import UserError
from packsight.models.weights import read_checkpoint
from packsight.system.files import read_json, write_json

EXTRAS: dict[type, str] = {MLFlowLogger: "mlflow", WandbLogger: "wandb"}  # extra and package
IDS = "logger_ids.json"  # {name in the configuration: what the run is called there}
# Nothing leaves the machine that was not asked for.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}


def check_loggers(parts: Mapping[str, Any]) -> None:
    """Raise UserError for a logger whose package is not installed."""
    for name, part in _wanted(parts).items():
        package = EXTRAS.get(get_class(part["_target_"]))
        if package and find_spec(package) is None:
            raise UserError(
                f"logger={name} needs the package {package}: pip install 'packsight[{package}]'."
            )


def run_loggers(parts: Mapping[str, Any], folder: Path, checkpoint: Path | None) -> list[Logger]:
    """The loggers of the run in a folder, from {name: its configuration, or null}.

    With the checkpoint that the run goes on from, each takes up what it had of the run. What a
    killed process had shown of an epoch that is trained again is forgotten, where a logger can.
    """
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    step = read_checkpoint(checkpoint)["global_step"] if checkpoint else None
    earlier = read_json(folder / IDS) if checkpoint and (folder / IDS).is_file() else {}
    loggers, ids = [], {}
    for name, part in _wanted(parts).items():
        kind, given = get_class(part["_target_"]), {}
        if kind is TensorBoardLogger and step is not None:
            given["purge_step"] = step
        elif kind is MLFlowLogger and _knows(part["tracking_uri"], earlier.get(name)):
            given["run_id"] = earlier[name]
        elif kind is WandbLogger:
            _end_wandb_run()
            given["id"] = earlier.get(name, uuid.uuid4().hex[:8])
        logger: Logger = instantiate(part, **given, _convert_="all")
        if getattr(rank_zero_only, "rank", 0) == 0:
            if isinstance(logger, CSVLogger) and step is not None:
                _write_again(logger, step)
            elif kind in EXTRAS:
                ids[name] = logger.version
        loggers.append(logger)
    if ids:
        write_json(folder / IDS, ids)
    return loggers


def log_to_others(
    logger: Logger, hyperparameters: dict[str, Any], results: dict[str, float]
) -> None:
    """Give a logger that is not TensorBoard a finished run's settings and results, and end it."""
    step = _write_again(logger) if isinstance(logger, CSVLogger) else None
    logger.log_hyperparams(hyperparameters)
    logger.log_metrics(results, step)
    logger.save()
    logger.finalize("success")
    if isinstance(logger, WandbLogger):
        _end_wandb_run()


def _wanted(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}


def _knows(tracking_uri: str, run_id: str | None) -> bool:
    """Whether an MLflow run is still where it was: a local folder may have been removed."""
    if run_id is None:
        return False
    from mlflow import MlflowClient, MlflowException

    try:
        MlflowClient(tracking_uri).get_run(run_id)
    except MlflowException:
        return False
    return True


def _end_wandb_run() -> None:
    """End a run that this process has open, or the next one would be written to it."""
    import wandb

    if wandb.run is not None:
        wandb.finish()


def _write_again(logger: CSVLogger, before: float = math.inf) -> int:
    """Write the rows from before a step again; returns the last one's step.

    CSVLogger begins with an empty file in every process.
    """
    file = Path(logger.log_dir, "metrics.csv")
    rows = pd.read_csv(file, dtype=str) if file.is_file() else pd.DataFrame({"step": []})
    file.unlink(missing_ok=True)
    step = 0
    for _, row in rows[rows["step"].astype(int) < before].iterrows():
        known = row.dropna().to_dict()
        step = int(known.pop("step"))
        logger.log_metrics(known, step)
    logger.save()
    return step
