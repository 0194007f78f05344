"""A peer: a plain project in the common style, Lightning over torchvision's ImageFolder.

Run as a process: `python -m packsight.benchmark.lightning_peer <images> <steps.json> <workers>
<backbone> <size> <batch size> <epochs>`; <images> holds train/<label>/ and val/<label>/.
"""

import sys
from typing import Any

import lightning as L
import timm
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from packsight.benchmark.clock import Clock


class Model(L.LightningModule):
    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.model = timm.create_model(backbone, num_classes=2)
        self.train_accuracy = MulticlassAccuracy(2)
        self.val_accuracy = MulticlassAccuracy(2)

    def training_step(self, batch: Any, _: int) -> Tensor:
        images, labels = batch
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        self.train_accuracy(logits, labels)
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        images, labels = batch
        logits = self.model(images)
        self.val_accuracy(logits, labels)
        self.log("val/loss", F.cross_entropy(logits, labels), prog_bar=True)
        self.log("val/accuracy", self.val_accuracy, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0.01)


def main(
    folder: str, steps: str, workers: int, backbone: str, size: int, batch_size: int, epochs: int
) -> None:
    """Train with the usual augmentation; Lightning's default logger and checkpoint."""
    L.seed_everything(0)
    common = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
              v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]  # fmt: skip
    changes = [
        v2.Resize((size, size)),
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(degrees=5, translate=(0.05, 0.05), scale=(0.9, 1.1)),
        v2.ColorJitter(brightness=0.15, contrast=0.15),
    ]
    train = ImageFolder(f"{folder}/train", v2.Compose([*changes, *common]))
    val = ImageFolder(f"{folder}/val", v2.Compose([v2.Resize((size, size)), *common]))
    options: dict[str, Any] = {"num_workers": workers, "persistent_workers": workers > 0}
    trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[Clock(steps)])
    trainer.fit(
        Model(backbone),
        DataLoader(train, batch_size, shuffle=True, drop_last=len(train) % batch_size == 1,
                   **options),
        DataLoader(val, 2 * batch_size, **options),
    )  # fmt: skip


if __name__ == "__main__":
    images, steps_file, workers, backbone, *numbers = sys.argv[1:]
    main(images, steps_file, int(workers), backbone, *map(int, numbers))
