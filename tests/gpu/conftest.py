"""Small trainings on a GPU; where there is none, all of these tests are skipped."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import torch
from gpu_small import SMALL

from packsight.models.weights import read_checkpoint


class Trained(NamedTuple):
    folder: Path

    @property
    def history(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "history.csv")

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "predictions.csv")

    @property
    def state(self) -> dict[str, torch.Tensor]:
        return read_checkpoint(self.folder / "checkpoints" / "best.ckpt")["state_dict"]


@pytest.fixture(scope="session", autouse=True)
def gpu() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    return torch.device("cuda", torch.cuda.current_device())


@pytest.fixture(scope="session")
def workspace(sample, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "photos.zip").symlink_to(sample)
    return folder


@pytest.fixture(scope="session")
def train(workspace, script) -> Callable[..., Trained]:
    """Train as the script does; a name that was trained before is not trained again."""

    def run(name: str, *overrides: str, code: int = 0) -> Trained:
        assert script("train", f"name={name}", *SMALL, *overrides, cwd=workspace) == code
        [status] = workspace.glob(f"outputs/{name}/**/status.json")
        return Trained(status.parent)

    return run
