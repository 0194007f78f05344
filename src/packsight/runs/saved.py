"""Runs that stand on disk or in models.zip: how to find and load them, where their results go."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from packsight.configuration.schema import TrainConfig
from packsight.configuration.stored import config_from, read_config
from packsight.data.membership import members_from
from packsight.data.transforms import flips
from packsight.domain import CropSource
from packsight.errors import UserError
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import unpack_belts
from packsight.imaging.crop import Crop
from packsight.system.archive import as_folder
from packsight.system.console import errors
from packsight.system.files import reading

if TYPE_CHECKING:  # torch and timm take seconds, and a run that is not there needs neither
    import pandas as pd
    import torch

    from packsight.data.datamodule import PackageDataModule
    from packsight.models.network import Axes, Network
    from packsight.training.precision import Precision

BEST = Path("checkpoints", "best.ckpt")


@dataclass(frozen=True)
class Run:
    """A run that stands on disk."""

    folder: Path
    checkpoint: Path
    config: TrainConfig
    name: str  # its folder below where it was looked for

    @property
    def title(self) -> str:
        """What the run is, in a line."""
        config = self.config
        return f"{config.model.backbone}, {config.perspective.name}, {config.precision.name}"

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        from packsight.models.backbone import input_size

        config, model = self.config, self.config.model
        return input_size(
            model.backbone,
            config.data.image_size,
            config.crop.image_size,
            architecture=model.architecture,
        )

    @property
    def crop(self) -> Crop:
        """Which part of a frame the network gets."""
        crop = self.config.crop
        return Crop(crop.name, crop.margin, crop.upright)

    @property
    def mirrors(self) -> "list[Axes]":
        """The mirror images that a prediction is the mean of: those that training has seen."""
        from packsight.models.network import mirrors

        transforms = self.config.transforms
        return mirrors(*flips(transforms.pipeline)) if transforms.average_mirrored else [()]

    def open_data(
        self, source: str | Path, fold: int | None, cache_folder: Path, max_unpacked_gb: float
    ) -> "PackageDataModule":
        """The images of prepared data as the run sees them: its own belts locate the packages."""
        from packsight.data.datamodule import PackageDataModule

        data, perspective = self.config.data, self.config.perspective
        return PackageDataModule(
            source,
            perspective.cameras,
            self.image_size,
            paired=perspective.paired,
            crop=self.crop,
            belts=self.load_belts() if self.crop.name != CropSource.NONE else None,
            fold=fold,
            batch_size=data.batch_size,
            cache_folder=cache_folder,
            cache_gb=data.cache_gb,
            max_unpacked_gb=max_unpacked_gb,
        )

    def load_network(self) -> "Network":
        """The network with the run's best weights, fp32, in evaluation mode."""
        from packsight.models.weights import create_network, fill
        from packsight.runs.checkpoints import REMEDY, read_best

        model, perspective = self.config.model, self.config.perspective
        network = create_network(
            model.backbone,
            self.image_size,
            drop_rate=model.drop_rate,
            paired=perspective.paired,
            shared_backbone=perspective.shared_backbone,
            architecture=model.architecture,
        )
        fill(network, read_best(self.checkpoint), self.checkpoint, REMEDY)
        return network.float().eval()

    def load_for_scoring(self, device: "torch.device", precision: "Precision") -> "Network":
        """The network on a device, in a precision's weights, with batch normalisation folded."""
        import torch

        from packsight.models.batch_norm_folding import fold_batch_norm
        from packsight.models.network import MEMORY_FORMATS
        from packsight.training.precision import weights_dtype

        layout = MEMORY_FORMATS[self.config.model.memory_format]
        network = self.load_network().to(device).to(memory_format=layout)
        height, width = self.image_size
        noise = torch.rand(1, 3, height, width * network.images, generator=torch.Generator())
        fold_batch_norm(network, noise.to(device))
        return network.to(weights_dtype(precision))

    def load_belts(self) -> dict[str, BeltModel]:
        """What each camera's belt looks like, to locate packages in new images.

        Raises UserError for a checkpoint from before packages were located.
        """
        from packsight.runs.checkpoints import REMEDY

        belts = self._facts["belts"]
        if belts is None:
            raise UserError(f"{self.checkpoint} knows no belt to find packages on; train it again.")
        with reading(self.checkpoint, "a checkpoint of packsight", REMEDY):
            return unpack_belts(belts)

    @property
    def members(self) -> "pd.DataFrame | None":
        """The images of its splits; None for a run from before a checkpoint named them."""
        from packsight.runs.checkpoints import REMEDY

        with reading(self.checkpoint, "a checkpoint of packsight", REMEDY):
            return members_from(self._facts)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What the checkpoint knows beside its weights."""
        from packsight.runs.checkpoints import read_best

        content = read_best(self.checkpoint)
        return {name: content.get(name) for name in ("belts", "packages")}


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
        yield _readable(ready, names)


def _readable(folders: Sequence[Path], names: Mapping[Path, str]) -> list[Run]:
    """The runs in these folders; a damaged one is told. Raises UserError where all are."""
    runs, damaged = [], []
    for folder in folders:
        try:
            runs.append(read_run(folder, names[folder]))
        except UserError as error:
            damaged.append(error)
    if not runs:
        raise damaged[0]
    for reason in damaged:
        errors.print(f"[yellow]left out:[/] {escape(str(reason))}")
    return runs


def read_run(folder: Path, name: str = "") -> Run:
    """The run in a folder. Raises UserError if it has no best checkpoint."""
    checkpoint = folder / BEST
    if not checkpoint.is_file():
        raise UserError(f"the run {folder} has no checkpoints/best.ckpt; train it to its end.")
    return Run(folder, checkpoint, read_config(folder), name)


def _from_checkpoint(path: Path) -> Run:
    if not path.is_file():
        raise UserError(f"the checkpoint {path} does not exist; give one that packsight wrote.")
    from packsight.models.weights import read_checkpoint

    config = read_checkpoint(path).get("config")
    if config is None:
        raise UserError(f"{path} was not written by packsight; give a run's best.ckpt.")
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    return Run(folder, path, config_from(config, str(path)), path.stem)


def results_folder(
    run: Run, kind: str, source: str | Path, output: str | Path | None, outputs: str | Path
) -> Path:
    """Where results about a run go: `output`, the run's own folder, or `outputs` for an archive."""
    if output is not None:
        return Path(output, run.name)
    return run.folder / kind if Path(source).is_dir() else Path(outputs, kind, run.name)
