"""The bare training step on synthetic images that stand on the device already."""

import copy
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn import functional as F

from packsight.benchmark.measure import Spread
from packsight.models.network import MEMORY_FORMATS, Network, build_network
from packsight.training.cpu_kernels import suit_cpu
from packsight.training.precision import Precision, apply_matmul, autocast, weights_dtype

WARM_UP = 6  # steps
SECONDS = 0.12  # of a measurement
TURNS = 3
MEGABYTE = 2**20


@cache
def _built(backbone: str, size: int) -> Network:
    return build_network(backbone, (size, size))


def fresh_network(backbone: str, size: int) -> Network:
    """The same weights each time."""
    return copy.deepcopy(_built(backbone, size))


class BareStep:
    """Forward, loss, backward, clipping and optimiser, with nothing around them.

    torch chooses kernels as in packsight's trainings, and fp16 scales its loss, so that the two do
    the same work.
    """

    def __init__(
        self,
        backbone: str,
        size: int,
        batch_size: int,
        precision: Precision,
        layout: str,
        device: torch.device,
        mode: str | None = None,
    ) -> None:
        self.device, self.batch_size, self.precision = device, batch_size, precision
        apply_matmul(precision)
        network = fresh_network(backbone, size).to(memory_format=MEMORY_FORMATS[layout])
        self.network = network.to(device, weights_dtype(precision)).train()
        suit_cpu(self.network, precision, device)
        if mode is not None:
            torch.compiler.reset()
            self.network.compile(mode=mode)
        shape = batch_size, 3, size, size
        images = torch.randint(256, shape, dtype=torch.uint8, device=device)
        self.images = images.to(memory_format=MEMORY_FORMATS[layout])
        self.labels = torch.arange(batch_size, device=device) % 2
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision is Precision.FP16)

    def __call__(self) -> None:
        with autocast(self.precision, self.device):
            loss = F.cross_entropy(self.network(self.images).float(), self.labels)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def rates(self) -> dict[str, Any]:
        """Images a second of the step and of a forward pass, memory, seconds of the first step."""
        reset_peak(self.device)
        before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            started = time.perf_counter()
            self()
            wait(self.device)
            first = time.perf_counter() - started
            training = rate(self, self.batch_size, self.device)
            peak = peak_mb(self.device)
            self.network.eval()
            forward = rate(self._forward, self.batch_size, self.device)
        finally:
            torch.use_deterministic_algorithms(before, warn_only=True)
        return {
            "images_per_second": training, "forward": forward, "peak_mb": peak,
            "first_step": round(first, 3),
        }  # fmt: skip

    @torch.no_grad()
    def _forward(self) -> None:
        with autocast(self.precision, self.device):
            self.network(self.images)


def rate(call: Callable[[], object], images: int, device: torch.device) -> Spread:
    """Images a second: turns of as many calls as take a moment, the device awaited after each."""
    for _ in range(WARM_UP):
        call()
    wait(device)
    started = time.perf_counter()
    call()
    wait(device)
    calls = max(3, round(SECONDS / (time.perf_counter() - started)))
    rates = []
    for _ in range(TURNS):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        wait(device)
        rates.append(round(calls * images / (time.perf_counter() - started), 1))
    return Spread.of(rates)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_mb(device: torch.device) -> float:
    """Of the GPU, allocated by torch, since `reset_peak`; nan elsewhere."""
    if device.type != "cuda":
        return float("nan")
    return round(torch.cuda.max_memory_allocated(device) / MEGABYTE, 1)
