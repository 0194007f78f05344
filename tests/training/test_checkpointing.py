import os

import torch

from packsight.training.checkpointing import WholeCheckpoints


def test_a_renamed_folder_keeps_what_its_best_epoch_was(tmp_path):
    """Lightning forgets it where a checkpoint names another folder than it is read from."""
    first, second = tmp_path / "first/checkpoints", tmp_path / "second/checkpoints"
    there, here = os.path.realpath(first), os.path.realpath(second)
    best = {
        "dirpath": there,
        "best_model_path": f"{there}/best.ckpt",
        "best_k_models": {f"{there}/best.ckpt": torch.tensor(0.3)},
        "best_model_score": torch.tensor(0.3),
        "monitor": f"{there} is no path here",
    }
    content = {"callbacks": {"ModelCheckpoint": best, "EarlyStopping": {"wait_count": 2}}}
    WholeCheckpoints().save_checkpoint(content, first / "last.ckpt")
    first.parent.rename(second.parent)
    read = WholeCheckpoints().load_checkpoint(second / "last.ckpt", weights_only=True)
    assert read["callbacks"]["ModelCheckpoint"] == best | {
        "dirpath": here,
        "best_model_path": f"{here}/best.ckpt",
        "best_k_models": {f"{here}/best.ckpt": torch.tensor(0.3)},
    }
    assert read["callbacks"]["EarlyStopping"] == {"wait_count": 2}
