"""The LightningModule: one step, its loss and its metrics."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from packsight.data.datamodule import Batch
from packsight.errors import UserError
from packsight.evaluation.metrics import epoch_metrics
from packsight.imaging.belt import BeltModel
from packsight.imaging.belt_arrays import pack_belts
from packsight.models.finetune import freeze_stages, keep_frozen, parameter_groups
from packsight.models.network import MEMORY_FORMATS, Network
from packsight.training.optim import warmup_cosine

ADAMW = partial(AdamW, lr=0.0025, weight_decay=0.01)


class Classifier(L.LightningModule):
    """Cross-entropy training of a network; metrics per epoch for train and validation.

    Args:
        optimizer: makes the optimiser of parameter groups; a partial with `lr`, the head's rate,
            and `weight_decay`.
        scheduler: makes a schedule of the optimiser and `total_steps`, stepped every step.
        backbone_lr_scale: the backbone's rate as a share of the head's; 0 trains the head alone.
        frozen_share: of the backbone's stages, the first ones, that stay as they are.
        memory_format: channels_last or contiguous.
        seed: of what a step draws.
        belts: what locates packages in new images.
        config: the run's resolved configuration as plain values.
        packages: the images of its splits, a list for each of data.membership's columns.

    Belts, packages and configuration travel in the checkpoint: a lone .ckpt file can be used.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Callable[..., Optimizer] = ADAMW,
        scheduler: Callable[..., LRScheduler] = warmup_cosine,
        *,
        backbone_lr_scale: float = 0.2,
        label_smoothing: float = 0.1,
        frozen_share: float = 0.4,
        memory_format: str = "channels_last",
        seed: int = 0,
        belts: Mapping[str, BeltModel] | None = None,
        config: Mapping[str, Any] | None = None,
        packages: Mapping[str, list[str]] | None = None,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=MEMORY_FORMATS[memory_format])
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.backbone_lr_scale = backbone_lr_scale
        self.label_smoothing = label_smoothing
        self.seed = seed
        self.config = dict(config or {})
        self.packages = dict(packages or {})
        arrays = pack_belts(belts or {})
        self.belts = {key: torch.from_numpy(value) for key, value in arrays.items()}
        freeze_stages(network, frozen_share)
        self.train_metrics = epoch_metrics("train/")
        self.val_metrics = epoch_metrics("val/")
        # To look for nan in every value would make a GPU wait; `_finite` looks once an epoch.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.val_loss = MeanMetric(nan_strategy="disable")

    def logits(self, batch: Batch) -> Tensor:
        """What the network says, [B, 2], of a batch of images, or of features [B, D] of images."""
        features = batch.image.ndim == 2
        return self.network.classify(batch.image) if features else self.network(batch.image)

    def training_step(self, batch: Batch) -> Tensor:
        logits = self.logits(batch)
        smoothing = self.label_smoothing
        loss = F.cross_entropy(logits.float(), batch.label, label_smoothing=smoothing)
        self.train_loss.update(_of_each(loss.detach(), batch))
        self.train_metrics.update(_damaged(logits.detach()), batch.label)
        return loss

    def validation_step(self, batch: Batch) -> None:
        logits = self.logits(batch)
        loss = F.cross_entropy(logits.float(), batch.label)
        self.val_loss.update(_of_each(loss, batch))
        self.val_metrics.update(_damaged(logits), batch.label)

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def on_train_epoch_start(self) -> None:
        keep_frozen(self.network)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Dropout and its kind then depend on nothing that an interruption could lose. At the start
        # of an epoch it would be too early: the loader draws from the same generator afterwards.
        place = [self.seed, self.current_epoch, batch_idx, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self._finite("validation", self.val_loss), prog_bar=True)
        self.log_dict(self.val_metrics.compute())
        self.val_loss.reset()
        self.val_metrics.reset()

    def on_train_epoch_end(self) -> None:
        self.log("train/loss", self._finite("training", self.train_loss), prog_bar=True)
        self.log_dict(self.train_metrics.compute())
        groups = self.trainer.optimizers[0].param_groups
        self.log("lr", max(group["lr"] for group in groups))
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device)
            self.log("gpu_peak_mb", peak / 2**20)
        self.train_loss.reset()
        self.train_metrics.reset()

    def _finite(self, part: str, mean: MeanMetric) -> Tensor:
        """The mean loss of an epoch. Raises UserError if it is infinite or not a number.

        Once an epoch, because to look at each step's loss would make a GPU wait for it.
        """
        loss: Tensor = mean.compute()
        if not torch.isfinite(loss):
            raise UserError(
                f"the {part} loss of epoch {self.current_epoch} is {loss.item()}; train with a "
                "lower optimizer.lr, or with precision=fp32."
            )
        return loss

    def configure_optimizers(self) -> Any:
        keywords = getattr(self.optimizer, "keywords", {})
        groups = parameter_groups(
            self.network, keywords["lr"], keywords["weight_decay"], self.backbone_lr_scale
        )
        optimizer = self.optimizer(groups)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.scheduler(optimizer, total_steps=steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Lightning's own refuses a fused optimiser, and under fp16 leaves its gradients scaled.
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        algorithm = GradClipAlgorithmType(gradient_clip_algorithm or "norm")
        Precision().clip_gradients(optimizer, gradient_clip_val or 0.0, algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config
        checkpoint["belts"] = self.belts
        checkpoint["packages"] = self.packages


def _of_each(loss: Tensor, batch: Batch) -> Tensor:
    """A batch's mean loss for each of its images [B], so that their number is its weight."""
    return loss.expand(len(batch.label))


def _damaged(logits: Tensor) -> Tensor:
    """Probability of damaged [B] from logits [B, 2], in fp32."""
    return torch.softmax(logits.float(), dim=1)[:, 1]
