"""Training a head alone, on features that its backbone computed once."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from packsight.data.cache import changing, hold, make_room
from packsight.data.datamodule import Batch, PackageDataModule, SeededSampler
from packsight.domain import LABELS, Split
from packsight.models.batch_norm_folding import fold_batch_norm
from packsight.models.network import Network, memory_format, without_head
from packsight.system.console import counted
from packsight.system.files import replacing
from packsight.system.parallel import on_all_cores
from packsight.training.classifier import Classifier
from packsight.training.precision import Precision, autocast, choose_device, weights_dtype


class Probe(Classifier):
    """A classifier whose batches are features; its checkpoints hold the whole network."""

    def logits(self, batch: Batch) -> Tensor:
        dropped = F.dropout(batch.image, self.config["model"]["drop_rate"], self.training)
        return self.network.head(dropped)


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
        self.train = FeatureSet(train, _labels(data, Split.TRAIN))
        self.val = FeatureSet(val, _labels(data, Split.VAL))

    def train_dataloader(self) -> DataLoader[Batch]:
        images = self.data.train_dataloader()
        views, rows = self.train.features.shape[:2]
        sampler = ViewSampler(rows, self.data.cfg.seed, views)
        return DataLoader(
            self.train, images.batch_size, sampler=sampler, drop_last=images.drop_last
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        order = [(0, row) for row in range(len(self.val.labels))]
        return DataLoader(self.val, self.data.val_dataloader().batch_size, sampler=order)


def keep_features(
    network: Network, data: PackageDataModule, cfg: DictConfig, precision: Precision
) -> FeatureData:
    """Features of `finetune.views` versions of each training image, and of validation images.

    View k is what epoch k of ordinary training shows, so that as many epochs as there are views
    train as if nothing were kept. The features are kept on disk too, for other runs.
    """
    views = min(cfg.finetune.views, cfg.trainer.max_epochs)
    backbone = without_head(network)
    file = data.cache.file.parent / f"features-{_key(backbone, data, cfg, views)}.safetensors"
    if not file.is_file():
        device = choose_device(cfg.trainer.accelerator)
        backbone.to(device).to(memory_format=memory_format(cfg.model))
        sampler = SeededSampler(len(data.rows(Split.TRAIN)), cfg.seed)
        order = []
        for epoch in range(views):
            sampler.set_epoch(epoch)
            order += sorted(sampler)  # by row
        images = data.train_dataloader().dataset
        fold_batch_norm(backbone, images[order[0]].image[None].to(device))
        backbone.to(weights_dtype(precision))
        look = partial(_features, backbone, cfg=cfg, precision=precision, device=device)
        train = look(images, order)
        val = look(data.val_dataloader().dataset, range(len(data.rows(Split.VAL))))
        tensors = {"train": train.unflatten(0, (views, -1)), "val": val[None]}
        with changing(file.parent):
            with replacing(file) as temporary:
                save_file(tensors, temporary)
            with hold(file):
                make_room(file.parent, data.cache.max_bytes)
        return FeatureData(data, **tensors)
    with hold(file):
        return FeatureData(data, **load_file(file))


def _labels(data: PackageDataModule, split: Split) -> list[int]:
    return [LABELS.index(label) for label in data.rows(split)["label"]]


def _features(
    backbone: nn.Module,
    dataset: Dataset[Batch],
    order: Sequence[int | tuple[int, int]],
    cfg: DictConfig,
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
        for part in on_all_cores(work, order, cfg.data.batch_size, device):
            parts.append(part)
            advance(len(part))
    return torch.cat(parts)


def _key(backbone: nn.Module, data: PackageDataModule, cfg: DictConfig, views: int) -> str:
    """A hash of all that the features depend on."""
    digest = hashlib.sha256()
    for name, tensor in backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    pictures = zip(data.table["sha256"], map(list, data.table["window"]), strict=True)
    pipeline: Any = OmegaConf.to_container(cfg.transforms.pipeline, resolve=True)
    what = {
        "images": dict(pictures),
        "train": data.rows(Split.TRAIN)["sha256"].tolist(),
        "val": data.rows(Split.VAL)["sha256"].tolist(),
        "size": list(data.image_size),
        "transforms": list(pipeline.items()),  # their order counts
        "camera_dropout": cfg.perspective.camera_dropout,
        "views": views,
        "seed": cfg.seed,
        "precision": cfg.precision.name,
        "memory_format": cfg.model.memory_format,
    }
    digest.update(json.dumps(what, sort_keys=True).encode())
    return digest.hexdigest()[:16]
