"""A callback that notes when each training step began and ended."""

import json
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback


class Clock(Callback):
    """Writes (epoch, images, begin, end) of each training step to `file`; times since 1970."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.steps: list[tuple[int, int, float, float]] = []
        self.began = 0.0

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        self.began = time.time()

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        self.steps.append((trainer.current_epoch, len(batch[1]), self.began, time.time()))

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.file.write_text(json.dumps(self.steps), encoding="utf-8")
