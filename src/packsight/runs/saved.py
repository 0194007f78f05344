"""Runs that stand on disk or in models.zip: how to find and load them, where their results go."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from packsight.errors import UserError
from packsight.imaging.belt import BeltModel, unpack_belts
from packsight.system.archive import as_folder

if TYPE_CHECKING:  # torch and timm take seconds, and a run that is not there needs neither
    import torch

    from packsight.models.network import Network
    from packsight.training.precision import Precision

BEST = Path("checkpoints", "best.ckpt")


@dataclass(frozen=True)
class Run:
    """A run that stands on disk."""

    folder: Path
    checkpoint: Path
    config: DictConfig
    name: str  # its folder below where it was looked for

    @property
    def title(self) -> str:
        """What the run is, in a line."""
        config = self.config
        return f"{config.model.backbone}, {config.perspective.name}, {config.precision.name}"

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        from packsight.models.network import input_size

        return input_size(self.config)

    def load_network(self) -> "Network":
        """The network with the run's best weights, fp32, in evaluation mode."""
        from packsight.models.weights import read_checkpoint, saved_network

        checkpoint = read_checkpoint(self.checkpoint)
        return saved_network(self.config, self.image_size, checkpoint).float().eval()

    def load_for_scoring(self, device: "torch.device", precision: "Precision") -> "Network":
        """The network on a device, in a precision's weights, with batch normalisation folded."""
        import torch

        from packsight.models.batch_norm_folding import fold_batch_norm
        from packsight.models.network import memory_format
        from packsight.training.precision import weights_dtype

        layout = memory_format(self.config.model)
        network = self.load_network().to(device).to(memory_format=layout)
        height, width = self.image_size
        cameras = 2 if self.config.perspective.paired else 1  # of a pair, side by side
        noise = torch.rand(1, 3, height, width * cameras, generator=torch.Generator())
        fold_batch_norm(network, noise.to(device))
        return network.to(weights_dtype(precision))

    def load_belts(self) -> dict[str, BeltModel]:
        """What each camera's belt looks like, to locate packages in new images.

        Raises UserError for a checkpoint from before packages were located.
        """
        from packsight.models.weights import read_checkpoint

        belts = read_checkpoint(self.checkpoint).get("belts")
        if belts is None:
            raise UserError(f"{self.checkpoint} knows no belt to find packages on; train it again.")
        return unpack_belts(belts)


@contextmanager
def find_runs(path: str | Path, member: str, max_bytes: int) -> Iterator[list[Run]]:
    """Runs in a run folder, an experiment folder, a checkpoint of packsight or models.zip.

    `member` is a pattern that a run's folder has to fit; of several runs, those without a model
    are left out. Raises UserError if there is none.
    """
    path = Path(path)
    if path.suffix == ".ckpt":
        yield [_from_checkpoint(path)]
        return
    with as_folder(path, max_bytes) as root:
        folders = sorted(file.parent for file in root.rglob("config.yaml"))
        if not folders:
            raise UserError(
                f"{path} holds no run (no config.yaml); give a run folder, an experiment folder, "
                "a packsight .ckpt or models.zip."
            )
        names = {folder: folder.relative_to(root).as_posix() for folder in folders}
        chosen = [folder for folder in folders if fnmatch(names[folder], member)]
        if not chosen:
            raise UserError(
                f"no run in {path} fits member={member}; it holds {', '.join(names.values())}."
            )
        # A sweep may be half done; what has no model yet is no reason to refuse the others.
        ready = [folder for folder in chosen if (folder / BEST).is_file()] or chosen[:1]
        yield [read_run(folder, names[folder]) for folder in ready]


def read_run(folder: Path, name: str = "") -> Run:
    """The run in a folder. Raises UserError if it has no best checkpoint."""
    checkpoint = folder / BEST
    if not checkpoint.is_file():
        raise UserError(f"the run {folder} has no checkpoints/best.ckpt; train it to its end.")
    config = OmegaConf.load(folder / "config.yaml")
    assert isinstance(config, DictConfig)
    return Run(folder, checkpoint, config, name)


def _from_checkpoint(path: Path) -> Run:
    if not path.is_file():
        raise UserError(f"the checkpoint {path} does not exist; give one that packsight wrote.")
    from packsight.models.weights import read_checkpoint

    config = read_checkpoint(path).get("config")
    if config is None:
        raise UserError(f"{path} was not written by packsight; give a run's best.ckpt.")
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    return Run(folder, path, OmegaConf.create(config), path.stem)


def results_folder(run: Run, cfg: DictConfig, kind: str) -> Path:
    """Where results about a run go: `output=`, the run's own folder, or outputs/ for an archive."""
    if cfg.output is not None:
        return Path(cfg.output, run.name)
    if Path(cfg.run).is_dir():
        return run.folder / kind
    return Path(cfg.outputs, kind, run.name)
