"""A run's training by Lightning: what stands around the trainer."""

import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import lightning as L
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.loggers import Logger

from packsight.errors import UserError
from packsight.system.parallel import one_core
from packsight.system.processes import unled
from packsight.training.callbacks import History, Quiet
from packsight.training.checkpointing import StayStopped, WholeCheckpoints
from packsight.training.classifier import Classifier
from packsight.training.compilation import Compiled
from packsight.training.precision import LIGHTNING, Precision
from packsight.training.probe import FeatureData

# What torch says where trainer.deterministic=true cannot be kept.
UNPREDICTABLE = "does not have a deterministic implementation"


def fit(
    classifier: Classifier,
    data: L.LightningDataModule,
    trainer: Callable[..., L.Trainer],
    callbacks: Sequence[L.Callback],
    loggers: Sequence[Logger],
    precision: Precision,
    folder: Path,
    compile_mode: str | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Train, from a checkpoint on where there is one.

    `trainer` makes a Lightning trainer. Checkpoints and history.csv go to the run's folder. Raises
    KeyboardInterrupt where SIGINT or SIGTERM ended the training, and UserError where nothing is
    computed the same way twice that has to be.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    compiled = [Compiled(compile_mode)] if compile_mode else []
    made = trainer(
        precision=LIGHTNING[precision],
        default_root_dir=folder,
        callbacks=[Quiet(), StayStopped(), History(folder / "history.csv"), *callbacks, *compiled],
        logger=list(loggers),
        # All processes are started here, whatever a cluster's variables say.
        plugins=[WholeCheckpoints(folder), LightningEnvironment()],
    )
    # Deterministic mode would fill all new memory, a sixth of a step, to show who reads it unset.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with unled(), one_core() if isinstance(data, FeatureData) else nullcontext():
            made.fit(classifier, data, ckpt_path=checkpoint, weights_only=True)
    except RuntimeError as error:
        if UNPREDICTABLE not in str(error):
            raise
        [kernel, *_] = str(error).split()
        raise UserError(
            f"trainer.deterministic=true: torch has no way to compute {kernel} that gives the same "
            "every time on this device; use trainer.deterministic=warn."
        ) from error
    except SystemExit as stopped:  # what Lightning makes of the two signals
        raise KeyboardInterrupt from stopped
    finally:
        if made.strategy.launcher is not None:  # of an interrupted training it leaves processes
            made.strategy.launcher.kill(signal.SIGKILL)
