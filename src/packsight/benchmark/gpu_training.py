"""packsight's own training step, by its Classifier, its data and Lightning's Trainer."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import lightning as L
import torch
from hydra import compose
from hydra.utils import instantiate
from torch.utils.data import DataLoader, Sampler

from packsight.benchmark.gpu_step import BareStep, fresh_network, peak_mb, reset_peak, wait
from packsight.benchmark.measure import Spread
from packsight.benchmark.work import Work, transforms
from packsight.data.datamodule import PackageDataModule
from packsight.data.dataset import Batch, SeededSampler
from packsight.data.transforms_config import augmentation
from packsight.training.classifier import Classifier
from packsight.training.cpu_kernels import suit_cpu
from packsight.training.fit import fit
from packsight.training.optim import fused
from packsight.training.precision import Precision, apply_matmul

FORMS = ("images on the device", "images from the cache")
LAYOUT = "channels_last"
WARM_UP, STEPS, TURNS = 15, 20, 3
PROFILED = 10  # steps
# What makes the host wait for a GPU, as the profiler calls it.
WAITS = (
    "aten::item", "aten::_local_scalar_dense", "aten::nonzero", "cudaStreamSynchronize",
    "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy", "Memcpy DtoH",
)  # fmt: skip


class Endless(Sampler[tuple[int, int]]):
    """One epoch after another of packsight's sampler, so many rows."""

    def __init__(self, sampler: SeededSampler, rows: int) -> None:
        self.sampler, self.rows = sampler, rows

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[tuple[int, int]]:
        left, epoch = self.rows, 0
        while left > 0:
            self.sampler.set_epoch(epoch)
            for index in [*self.sampler][:left]:
                yield index
                left -= 1
            epoch += 1


class LongEpoch(L.LightningDataModule):
    """packsight's training loader with one epoch of so many steps."""

    def __init__(self, data: PackageDataModule, steps: int) -> None:
        super().__init__()
        self.data, self.steps = data, steps

    def train_dataloader(self) -> DataLoader[Batch]:
        self.data.trainer = self.trainer
        made = self.data.train_dataloader()
        assert isinstance(made.sampler, SeededSampler)
        sampler = Endless(made.sampler, self.steps * self.data.batch_size)
        return DataLoader(
            made.dataset, self.data.batch_size, sampler=sampler, collate_fn=made.collate_fn,
            pin_memory=made.pin_memory, drop_last=True,
        )  # fmt: skip


class Stopwatch(L.Callback):
    """Seconds of each turn of `STEPS` steps after the warm-up; the device is awaited between."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.marks: list[float] = []
        self.began = time.perf_counter()
        self.first = float("nan")

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        done = index + 1
        if done == 1:
            wait(self.device)
            self.first = time.perf_counter() - self.began
        if done >= WARM_UP and (done - WARM_UP) % STEPS == 0:
            wait(self.device)
            self.marks.append(time.perf_counter())


class Profiled(L.Callback):
    """Profiles whole steps, from after the warm-up on; `waits` counts what the host waited for."""

    def __init__(self, device: torch.device) -> None:
        kinds = [torch.profiler.ProfilerActivity.CPU]
        if device.type == "cuda":
            kinds.append(torch.profiler.ProfilerActivity.CUDA)
        self.profiler = torch.profiler.profile(activities=kinds)
        self.device = device
        self.waits: dict[str, float] = {}
        self.calls: dict[str, float] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if index == WARM_UP:
            wait(self.device)
            self.profiler.start()
        if index == WARM_UP + PROFILED:
            self.profiler.stop()
            found = Counter(event.name for event in self.profiler.events())
            found["cudaDeviceSynchronize"] -= 1  # the profiler's own, at its end
            self.waits = {
                name: count / PROFILED
                for name, count in found.items()
                if count > 0 and any(name == kind or name.startswith(f"{kind} (") for kind in WAITS)
            }
            launches = sum(n for name, n in found.items() if "LaunchKernel" in name)
            copies = sum(n for name, n in found.items() if name.startswith("Memcpy HtoD"))
            self.calls = {"kernels": launches / PROFILED, "copies to it": copies / PROFILED}


def training_rate(
    work: Work, backbone: str, batch_size: int, precision: Precision, form: str,
    device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    """Images a second of packsight's step, and as a ratio to the bare one measured beside it."""
    bare = BareStep(backbone, work.cfg.image_size, batch_size, precision, LAYOUT, device)
    floor = bare.rates()["images_per_second"]
    del bare
    reset_peak(device)
    watch = Stopwatch(device)
    _train(work, backbone, batch_size, precision, form, device, watch, WARM_UP + TURNS * STEPS)
    turns = zip(watch.marks, watch.marks[1:], strict=False)
    own = Spread.of(round(STEPS * batch_size / (end - begin), 1) for begin, end in turns)
    return {
        "images_per_second": own, "bare": floor, "ratio": round(own.median / floor.median, 3),
        "peak_mb": peak_mb(device), "first_step": round(watch.first, 3),
    }  # fmt: skip


def step_waits(
    work: Work, backbone: str, batch_size: int, precision: Precision, form: str,
    device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    """How often a step of packsight's makes the host wait, by name, and what it gives the GPU."""
    seen = Profiled(device)
    _train(work, backbone, batch_size, precision, form, device, seen, WARM_UP + PROFILED + 2)
    return {**seen.calls, "waits": sum(seen.waits.values()), **seen.waits}


@cache
def _settings() -> Any:
    # Hydra runs already: it started the benchmark.
    return compose("train", ["trainer.max_epochs=1", "recipe=full_frame"])


_changes = cache(transforms)


def _train(
    work: Work, backbone: str, batch_size: int, precision: Precision, form: str,
    device: torch.device, callback: L.Callback, steps: int,
) -> None:  # fmt: skip
    """Train as the stage does, for one long epoch without validation or checkpoints."""
    size = work.cfg.image_size
    folder = work.folder / "gpu_run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    cfg = _settings()
    data = PackageDataModule(
        work.data, ["side"], (size, size), transform=augmentation(_changes(), (size, size)),
        batch_size=batch_size, on_device=form == FORMS[0], cache_folder=work.cache,
    )  # fmt: skip
    apply_matmul(precision)
    network = fresh_network(backbone, size)
    suit_cpu(network, precision, device)
    classifier = Classifier(
        network, fused(instantiate(cfg.optimizer)), frozen_share=0.0, memory_format=LAYOUT
    )
    trainer = instantiate(cfg.trainer, _partial_=True)
    callbacks = [instantiate(cfg.callbacks.progress), callback]
    kind = "cuda" if device.type == "cuda" else "cpu"
    fit(
        classifier,
        LongEpoch(data, steps),
        partial(trainer, accelerator=kind, limit_val_batches=0),
        callbacks,
        [],
        precision,
        folder,
    )
