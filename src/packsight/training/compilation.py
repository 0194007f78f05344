"""torch.compile, in place, so that the keys of a checkpoint stay what they are."""

import os
import shutil
import sys

import lightning as L
import torch

from packsight.errors import UserError
from packsight.models.network import Network

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
FORMS = 64  # of Network.forward that are compiled in one process


def check_compile(mode: str | None, views: int) -> None:
    """Raise UserError for a mode of torch.compile that cannot work here.

    `views` are those of each image whose features are kept; 0 where the backbone learns.
    """
    if mode is None:
        return
    if mode not in MODES:
        raise UserError(f"model.compile={mode} is unknown; use {', '.join(MODES)} or null.")
    if views:
        raise UserError(
            f"model.compile={mode} has nothing to compile where the head alone is trained; use "
            "model.compile=null."
        )
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"model.compile={mode} needs a C++ compiler, and {compiler} is not there; install it, "
            "name another in the environment variable CXX, or use model.compile=null."
        )


class Compiled(L.Callback):
    """Compiles the network in the process that trains it, when its first batch comes."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        network = pl_module.network
        assert isinstance(network, Network)
        # All networks of a sweep share one `forward`; torch would leave its ninth form as it is.
        torch._dynamo.config.recompile_limit = FORMS
        network.compile(mode=self.mode)
