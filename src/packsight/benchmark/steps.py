"""Training steps and forward passes alone: precision × memory layout × compilation."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from packsight.benchmark.measure import Spread
from packsight.benchmark.work import Work
from packsight.models.network import build_network
from packsight.system.console import track
from packsight.training.cpu_kernels import suit_cpu
from packsight.training.precision import (
    Precision,
    apply_matmul,
    autocast,
    choose_device,
    supported,
    weights_dtype,
)

LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


def step_rates(work: Work) -> dict[str, Any]:
    """Images per second of packsight's step on ready images, for each backbone and way to run it.

    Only the first backbone is compiled as well: it takes half a minute on two cores.
    """
    device = choose_device("auto")
    ways = [
        (backbone, precision, layout, compiled)
        for backbone in work.cfg.backbones
        for precision in supported(device)
        for layout in LAYOUTS
        for compiled in (False, True)
        if not compiled or (work.cfg.compile and backbone == work.cfg.backbones[0])
    ]
    table: dict[str, Any] = {}
    for backbone, precision, layout, compiled in track(ways, "steps"):
        name = f"{precision}, {layout}" + (", compiled" if compiled else "")
        table.setdefault(backbone, {})[name] = _rates(work, backbone, precision, layout, compiled)
    return table


def _rates(
    work: Work, backbone: str, precision: Precision, layout: str, compiled: bool
) -> dict[str, Any]:
    device, size = choose_device("auto"), work.cfg.image_size
    network = build_network(backbone, (size, size))
    network = network.to(device, weights_dtype(precision), memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
    suit_cpu(network, precision, device)
    if compiled:
        torch.compiler.reset()
        network.compile()
    apply_matmul(precision)
    images = torch.randint(256, (work.cfg.batch_size, 3, size, size), dtype=torch.uint8)
    images = images.to(device, memory_format=LAYOUTS[layout])
    labels = torch.arange(work.cfg.batch_size, device=device) % 2
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)

    def step() -> None:
        with autocast(precision, device):
            loss = F.cross_entropy(network(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.inference_mode()
    def forward() -> None:
        with autocast(precision, device):
            network(images)

    started = time.perf_counter()
    step()
    first = time.perf_counter() - started
    training = _spread(step, work, device)
    network.eval()
    forward()
    return {"training": training, "forward": _spread(forward, work, device), "first_step": first}


def _spread(call: Callable[[], None], work: Work, device: torch.device) -> Spread:
    rates = []
    for _ in range(work.cfg.repetitions):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        rates.append(work.cfg.batch_size / (time.perf_counter() - started))
    return Spread.of(rates)
