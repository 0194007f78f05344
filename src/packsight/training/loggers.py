"""A run's loggers: made, and taken up again where a run goes on."""

import math
import os
import uuid
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from lightning.pytorch.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from rich.markup import escape

from packsight.errors import UserError
from packsight.models.weights import read_checkpoint
from packsight.system.console import errors
from packsight.system.files import read_json, reading, write_json
from packsight.system.tables import read_table

EXTRAS: dict[Any, str] = {MLFlowLogger: "mlflow", WandbLogger: "wandb"}  # extra and package
IDS = "logger_ids.json"  # {name in the configuration: what the run is called there}
# Nothing leaves the machine that was not asked for.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}


def check_loggers(makers: Mapping[str, partial[Logger]]) -> None:
    """Raise UserError for a logger whose package is not installed."""
    for name, make in makers.items():
        package = EXTRAS.get(make.func)
        if package and find_spec(package) is None:
            raise UserError(
                f"logger={name} needs the package {package}: pip install 'packsight[{package}]'."
            )


def run_loggers(
    makers: Mapping[str, partial[Logger]], folder: Path, checkpoint: Path | None
) -> list[Logger]:
    """The loggers of the run in a folder, from {name: what makes it}.

    With the checkpoint that the run goes on from, each takes up what it had of the run. What a
    killed process had shown of an epoch that is trained again is forgotten, where a logger can.
    """
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    step = read_checkpoint(checkpoint)["global_step"] if checkpoint else None
    earlier = _earlier_ids(folder / IDS) if checkpoint else {}
    loggers, ids = [], {}
    for name, make in makers.items():
        given: dict[str, Any] = {}
        if make.func is TensorBoardLogger and step is not None:
            given["purge_step"] = step
        elif make.func is MLFlowLogger and _knows(make.keywords["tracking_uri"], earlier.get(name)):
            given["run_id"] = earlier[name]
        elif make.func is WandbLogger:
            _end_wandb_run()
            given["id"] = earlier.get(name, uuid.uuid4().hex[:8])
        logger = make(**given)
        if getattr(rank_zero_only, "rank", 0) == 0:
            if isinstance(logger, CSVLogger) and step is not None:
                _write_again(logger, step)
            elif make.func in EXTRAS:
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


def _earlier_ids(file: Path) -> dict[str, str]:
    """What the run is called in its loggers; where that is damaged, it gets new names."""
    if not file.is_file():
        return {}
    try:
        with reading(file, "the names of a run in its loggers", "new ones are made"):
            return {str(name): str(known) for name, known in read_json(file).items()}
    except (UserError, AttributeError) as error:
        errors.print(f"[yellow]forgotten:[/] {escape(str(error))}")
        return {}


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
    """Write the epochs' rows from before a step again; returns the last one's step.

    CSVLogger begins with an empty folder in every process.
    """
    file = Path(logger.log_dir, "metrics.csv")
    rows = pd.DataFrame(columns=["step"])
    if file.is_file():
        try:
            rows = read_table(file, ["step"], str, 0, "a log of Lightning's", "it begins anew")
            with reading(file, "a log of Lightning's", "it begins anew"):
                rows["step"] = rows["step"].astype(int)
        except UserError as error:
            errors.print(f"[yellow]forgotten:[/] {escape(str(error))}")
            rows = pd.DataFrame(columns=["step"])
    for left in file.parent.glob("*"):
        left.unlink()
    step = 0
    for _, row in rows[rows["step"] < before].iterrows():
        known = row.dropna().to_dict()
        if "epoch" in known:  # else a result of the end that is to come again
            step = int(known.pop("step"))
            logger.log_metrics(known, step)
    logger.save()
    return step
