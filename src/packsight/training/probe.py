"""The features of a backbone that looks at each image once, for training a head alone."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import lightning as L
import pandas as pd
import torch
from rich.markup import escape
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from packsight.data.cache import changing, hold, make_room
from packsight.data.datamodule import Batch, PackageDataModule, SeededSampler
from packsight.domain import LABELS, Split
from packsight.errors import UserError
from packsight.models.batch_norm_folding import fold_batch_norm
from packsight.models.network import MEMORY_FORMATS, Network, without_head
from packsight.system.arrays import load_arrays, save_arrays
from packsight.system.console import console, counted
from packsight.system.parallel import on_all_cores
from packsight.training.precision import Precision, autocast, weights_dtype


class FeatureSet(Dataset[Batch]):
    """Features [V, N, D] of V views of N images; an index is (view, row)."""

    def __init__(self, features: Tensor, labels: Sequence[int]) -> None:
        self.features = features
        self.labels = torch.tensor(labels)

    def __getitem__(self, index: tuple[int, int]) -> Batch:
        view, row = index
        return Batch(self.features[view, row], self.labels[row])


class ViewSampler(SeededSampler):
    """Yields (view, row) in the order of ordinary training; epochs take turns with the views."""

    def __init__(self, size: int, seed: int, views: int) -> None:
        super().__init__(size, seed)
        self.views = views

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for row, _ in super().__iter__():
            yield self.epoch % self.views, row


class FeatureData(L.LightningDataModule):
    """Train and validation features in the place of images: [V, N, D] and [1, M, D]."""

    def __init__(self, data: PackageDataModule, train: Tensor, val: Tensor) -> None:
        super().__init__()
        self.data = data
        self.train = FeatureSet(train, _labels(data.training_rows()))
        self.val = FeatureSet(val, _labels(data.rows(Split.VAL)))

    def train_dataloader(self) -> DataLoader[Batch]:
        images = self.data.train_dataloader()
        views, rows = self.train.features.shape[:2]
        sampler = ViewSampler(rows, self.data.seed, views)
        return DataLoader(
            self.train, images.batch_size, sampler=sampler, drop_last=images.drop_last
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        order = [(0, row) for row in range(len(self.val.labels))]
        return DataLoader(self.val, self.data.val_dataloader().batch_size, sampler=order)


def keep_features(
    network: Network,
    data: PackageDataModule,
    views: int,
    precision: Precision,
    memory_format: str,
    device: torch.device,
) -> FeatureData:
    """Features of so many versions of each training image, and of validation images.

    View k is what epoch k of ordinary training shows, so that as many epochs as there are views
    train as if nothing were kept. The features are kept on disk too, for other runs.
    """
    backbone = without_head(network)
    key = _key(backbone, data, views, precision, memory_format)
    file = data.cache.file.parent / f"features-{key}.safetensors"
    kept = _kept(file)
    if kept is None:
        backbone.to(device).to(memory_format=MEMORY_FORMATS[memory_format])
        sampler = SeededSampler(len(data.training_rows()), data.seed)
        order = []
        for epoch in range(views):
            sampler.set_epoch(epoch)
            order += sorted(sampler)  # by row
        images = data.train_dataloader().dataset
        fold_batch_norm(backbone, images[order[0]].image[None].to(device))
        backbone.to(weights_dtype(precision))
        look = partial(
            _features, backbone, batch_size=data.batch_size, precision=precision, device=device
        )
        train = look(images, order)
        val = look(data.val_dataloader().dataset, range(len(data.rows(Split.VAL))))
        tensors = {"train": train.unflatten(0, (views, -1)), "val": val[None]}
        with changing(file.parent):
            save_arrays(file, {name: tensor.numpy() for name, tensor in tensors.items()})
            with hold(file):
                make_room(file.parent, data.cache.max_bytes)
        return FeatureData(data, **tensors)
    return FeatureData(data, **kept)


def _kept(file: Path) -> dict[str, Tensor] | None:
    """The features that a file keeps; None where there is none, or it is damaged."""
    try:
        with hold(file):
            arrays = load_arrays(file, "features of a backbone")
            return {name: torch.from_numpy(arrays[name]) for name in ("train", "val")}
    except FileNotFoundError:
        return None
    except (UserError, KeyError):
        console.print(f"made again, since it was damaged: {escape(str(file))}")
        return None


def _labels(rows: pd.DataFrame) -> list[int]:
    return [LABELS.index(label) for label in rows["label"]]


def _features(
    backbone: nn.Module,
    dataset: Dataset[Batch],
    order: Sequence[int | tuple[int, int]],
    batch_size: int,
    precision: Precision,
    device: torch.device,
) -> Tensor:
    """Features, float32 [N, D], of these items of a dataset."""

    @torch.inference_mode()
    def work(chunk: Sequence[int | tuple[int, int]]) -> Tensor:
        images = torch.stack([dataset[index].image for index in chunk])
        with autocast(precision, device):
            return backbone(images.to(device)).float().cpu()

    parts = []
    with counted("features", len(order), "images") as advance:
        for part in on_all_cores(work, order, batch_size, device):
            parts.append(part)
            advance(len(part))
    return torch.cat(parts)


def _key(
    backbone: nn.Module,
    data: PackageDataModule,
    views: int,
    precision: Precision,
    memory_format: str,
) -> str:
    """A hash of all that the features depend on."""
    digest = hashlib.sha256()
    for name, tensor in backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    pictures = zip(data.table["sha256"], map(list, data.table["window"]), strict=True)
    what = {
        "images": dict(pictures),
        "train": data.training_rows()["sha256"].tolist(),
        "val": data.rows(Split.VAL)["sha256"].tolist(),
        "size": list(data.image_size),
        "transform": repr(data.transform),
        "camera_dropout": data.camera_dropout,
        "views": views,
        "seed": data.seed,
        "precision": precision,
        "memory_format": memory_format,
    }
    digest.update(json.dumps(what, sort_keys=True).encode())
    return digest.hexdigest()[:16]
