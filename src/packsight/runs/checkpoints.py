"""A run's checkpoints, read where they are whole and this run's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packsight.configuration.stored import FILE, config_from, read_values
from packsight.configuration.upgrade import upgrade
from packsight.errors import UserError
from packsight.models.weights import read_checkpoint
from packsight.runs.folder import config_hash
from packsight.system.files import RESTORE

REMEDY = "copy it again from where it is whole (models.zip holds one), or train the run again"
# What Lightning goes on from; without one of these it cannot.
NEEDED = (
    "epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks",
)  # fmt: skip


def read_best(checkpoint: Path) -> dict[str, Any]:
    """What a run's best.ckpt holds. Raises UserError if it is damaged, or another run's."""
    content = read_checkpoint(checkpoint, REMEDY)
    folder = checkpoint.parent.parent
    if checkpoint.parent.name == "checkpoints" and (folder / FILE).is_file():
        _check_own(content, checkpoint, read_values(folder))
    return content


def check_last(checkpoint: Path, config: dict[str, Any]) -> None:
    """Raise UserError unless a run of this configuration can go on from its last.ckpt."""
    content = read_checkpoint(checkpoint, RESTORE)
    missing = [key for key in NEEDED if key not in content]
    if missing:
        raise UserError(f"{checkpoint} cannot be gone on from: it lacks {', '.join(missing)}.")
    _check_own(content, checkpoint, config)


def _check_own(content: Mapping[str, Any], checkpoint: Path, config: dict[str, Any]) -> None:
    """Raise UserError for a checkpoint that says it is of a run of another configuration."""
    told = content.get("config")
    if told is None:  # from before checkpoints knew it
        return
    config_from(told, str(checkpoint))
    if config_hash(upgrade(told)) != config_hash(config):
        raise UserError(f"{checkpoint} is another run's, by the configuration in it; {REMEDY}.")
