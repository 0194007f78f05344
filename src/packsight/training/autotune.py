"""The fastest precision and memory layout for a run on this machine, by a few timed steps."""

import copy
import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F
from torch.optim import Optimizer

from packsight.errors import UserError
from packsight.models.finetune import (
    freeze_stages,
    keep_frozen,
    parameter_groups,
)
from packsight.models.network import MEMORY_FORMATS, Network
from packsight.system.files import read_json, reading, write_json
from packsight.training import precision as precisions
from packsight.training.cpu_kernels import suit_cpu
from packsight.training.optim import fused
from packsight.training.precision import Precision

AUTO = "auto"
# bf16_true is left out: what it saves it takes from the weights, which is for the user to say.
MEASURED = (Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP16)
MARGIN = 1.1  # how much faster than fp32 a lower precision has to be
ROUNDS = 3
SECONDS = 6.0  # no further round after these

Rates = dict[str, float]  # images per second of each candidate


class Candidate(NamedTuple):
    precision: Precision
    memory_format: str

    def __str__(self) -> str:
        return f"{self.precision} {self.memory_format}"


@dataclass(frozen=True)
class Workload:
    """All of a training that the speed of its steps depends on."""

    backbone: str
    size: tuple[int, int]  # of an image
    batch_size: int
    optimizer: partial[Optimizer]
    backbone_lr_scale: float
    frozen_share: float
    paired: bool  # two images in an input
    features: bool  # the backbone looks at each image once: a forward pass is all there is


def candidates(precision: str, memory_format: str, device: torch.device) -> list[Candidate]:
    """What a run's settings leave open; one where nothing is `auto`.

    Raises UserError for a precision that the device cannot do, or an unknown layout.
    """
    possible = [precision for precision in MEASURED if precision in precisions.supported(device)]
    if precision != AUTO:
        possible = [precisions.resolve(precision, device)]
    layouts = list(MEMORY_FORMATS)
    if memory_format != AUTO:
        if memory_format not in layouts:
            raise UserError(
                f"model.memory_format={memory_format} is unknown; use one of "
                f"{', '.join(layouts)}, {AUTO}."
            )
        layouts = [memory_format]
    return [Candidate(number, layout) for number in possible for layout in layouts]


def fastest(rates: Mapping[str, float], among: Sequence[Candidate]) -> Candidate:
    """The fastest candidate; one of lower precision only if it is faster by a clear margin."""

    def speed(candidate: Candidate) -> float:
        return rates[str(candidate)]

    best = max(among, key=speed)
    exact = [candidate for candidate in among if candidate.precision == Precision.FP32]
    if exact:
        reference = max(exact, key=speed)
        return best if speed(best) >= MARGIN * speed(reference) else reference
    return best


def measure(
    network: Network,
    work: Workload,
    device: torch.device,
    among: Sequence[Candidate],
    folder: Path,
) -> tuple[Rates, bool]:
    """Images per second of each candidate, and whether they were remembered.

    They are remembered in `folder`, a file for each combination of machine, network, batch and
    share of frozen layers. The network and torch's random state stay as they are.
    """
    what = _measured(network, work, device, among)
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
    file = folder / f"speed-{key}.json"
    known = _remembered(file, among)
    if known is not None:
        return known, True
    with torch.random.fork_rng():
        seconds = time_steps(_step(network, work, device, among), among)
    rates = {str(item): round(work.batch_size / seconds[item], 1) for item in among}
    write_json(file, {"what": what, "images_per_second": rates})
    return rates, False


def _remembered(file: Path, among: Sequence[Candidate]) -> Rates | None:
    """What was measured before; None where there is nothing, or a damaged file."""
    try:
        with reading(file, "measured rates"):
            rates = read_json(file, ["images_per_second"])["images_per_second"]
            found = {str(item): float(rates[str(item)]) for item in among}
    except UserError:
        return None
    return found if all(0 < rate < float("inf") for rate in found.values()) else None


def time_steps(
    step: Callable[[Candidate], None],
    among: Sequence[Candidate],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Candidate, float]:
    """Seconds of each candidate's fastest step, in turn, so that a busy moment hits them alike."""
    for candidate in among:
        step(candidate)  # warm-up
    best = dict.fromkeys(among, float("inf"))
    first = clock()
    for _ in range(ROUNDS):
        for candidate in among:
            start = clock()
            step(candidate)
            best[candidate] = min(best[candidate], clock() - start)
        if clock() - first > SECONDS:
            break
    return best


def describe_choice(chosen: Candidate, rates: Rates, asked: Sequence[str], source: str) -> str:
    """The choice in a line; `asked` are the keys that were `auto`."""
    keys = " ".join(f"{key}={AUTO}" for key in asked)
    shared = {name.split()[1] for name in rates}
    order = sorted(rates, key=lambda name: -rates[name])
    figures = ", ".join(
        f"{name.split()[0] if len(shared) == 1 else name} {rates[name]:.0f}" for name in order
    )
    return f"{keys}: {chosen.precision}, {chosen.memory_format} ({figures} images/s), {source}"


def _step(
    network: Network,
    work: Workload,
    device: torch.device,
    among: Sequence[Candidate],
) -> Callable[[Candidate], None]:
    """A training step of a copy of the network, or a forward pass where that is all there is.

    Each layout has its own copy, for to change one's layout takes as long as a step on a GPU.
    """
    height, width = work.size[0], work.size[1] * (2 if work.paired else 1)
    shape = work.batch_size, 3, height, width
    images = torch.randint(256, shape, dtype=torch.uint8, device=device)
    labels = torch.arange(work.batch_size, device=device) % 2
    trials, optimizers = {}, {}
    for layout in {candidate.memory_format for candidate in among}:
        trial = copy.deepcopy(network).to(device).to(memory_format=MEMORY_FORMATS[layout])
        trials[layout] = trial
        if work.features:
            trial.eval().requires_grad_(False)
            continue
        suit_cpu(trial, Precision.BF16, device)  # which suits every precision
        freeze_stages(trial, work.frozen_share)
        keep_frozen(trial.train())
        rates = work.optimizer.keywords
        groups = parameter_groups(trial, rates["lr"], rates["weight_decay"], work.backbone_lr_scale)
        optimizers[layout] = fused(work.optimizer)(groups)

    def step(candidate: Candidate) -> None:
        precisions.apply_matmul(candidate.precision)
        with precisions.autocast(candidate.precision, device):
            logits = trials[candidate.memory_format](images)
        if optimizers:
            optimizers[candidate.memory_format].zero_grad()
            F.cross_entropy(logits.float(), labels).backward()
            optimizers[candidate.memory_format].step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def _measured(
    network: Network,
    work: Workload,
    device: torch.device,
    among: Sequence[Candidate],
) -> dict[str, Any]:
    """All that the speed of a step depends on."""
    return {
        "steps": 4,  # counts up when a step is computed in another way
        "cpu": _cpu(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "backbone": work.backbone,
        "backbones": len(network.backbones),
        "images_in_input": 2 if work.paired else 1,
        "size": list(work.size),
        "batch_size": work.batch_size,
        "frozen_share": work.frozen_share,
        "backbone_learns": work.backbone_lr_scale > 0,
        "features": work.features,
        "optimizer": work.optimizer.func.__qualname__,
        "candidates": [str(candidate) for candidate in among],
    }


def _cpu() -> list[str]:
    """The processor's name, and which bfloat16 instructions it has, where the system says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return [platform.processor() or platform.machine()]
    facts = {key.strip(): value for key, _, value in (line.partition(": ") for line in lines)}
    flags = facts.get("flags", facts.get("Features", "")).split()
    name = facts.get("model name", platform.machine())
    return [name, *(flag for flag in flags if "bf16" in flag)]
