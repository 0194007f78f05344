"""Trainings that take a second or two, and the runs that they left."""

from pathlib import Path

# timm's own network for tests, of half a million weights, from scratch on thumbnails.
SMALL = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch",
         "data.image_size=32", "trainer.max_epochs=1", "data.folds=2", "name=exp"]  # fmt: skip


def runs_by_perspective(folder: Path) -> dict[str, Path]:
    """The runs below a folder where each of a perspective's is the only one."""
    runs = [file.parent for file in folder.glob("outputs/exp/**/status.json")]
    found = {run.parents[1].name: run for run in runs}
    assert len(found) == len(runs)
    return found
