"""What a GPU does with packsight's steps and stages; each row is written as it comes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from packsight.benchmark.gpu_step import BareStep
from packsight.benchmark.gpu_training import FORMS, step_waits, training_rate
from packsight.benchmark.gpu_usage import usage_rates
from packsight.benchmark.measure import plain
from packsight.benchmark.sweep import sweep_cost
from packsight.benchmark.work import Work
from packsight.models.network import MEMORY_FORMATS
from packsight.system.console import console
from packsight.system.files import read_json, write_json
from packsight.training.precision import Precision, supported

FILE = "gpu.json"
MODES = ("default", "reduce-overhead")  # of torch.compile
Row = dict[str, Any]


def gpu_costs(work: Work) -> dict[str, Any]:
    """All parts that are asked for, into gpu.json beside benchmark.json."""
    return measure(work, torch.device("cuda", torch.cuda.current_device()))


def measure(work: Work, device: torch.device) -> dict[str, Any]:
    """The parts on any device; a row that fails says so, and stops no other.

    Rows of other parts and backbones that stand in gpu.json stay, so that it can be filled in
    pieces.
    """
    file = work.folder / FILE
    results: dict[str, Any] = read_json(file) if file.is_file() else {}
    on_gpu = device.type == "cuda"
    results["device"] = torch.cuda.get_device_name(device) if on_gpu else "cpu"
    for part, name, call in _rows(work, device):
        try:
            row = call()
        except Exception as error:
            row = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        results.setdefault(part, {})[name] = plain(row)
        write_json(file, results)
        console.print(f"{part}, {name}: {row}", markup=False, highlight=False, soft_wrap=True)
        if on_gpu:
            torch.cuda.empty_cache()
    return results


def _rows(work: Work, device: torch.device) -> Iterator[tuple[str, str, Callable[[], Row]]]:
    asked = work.cfg.gpu
    able = [precision for precision in supported(device) if precision in asked.precisions]
    parts: dict[str, Callable[[], Iterator[tuple[str, Callable[[], Row]]]]] = {
        "steps": lambda: _steps(work, device, able),
        "training": lambda: _trainings(work, device, able),
        "waits": lambda: _waits(work, device, able),
        "compiled": lambda: _compiled(work, device, able),
        "sweep": lambda: iter([("jobs", lambda: sweep_cost(work))]),
        "usage": lambda: iter([("stages", lambda: usage_rates(work, device))]),
    }
    for part in asked.parts:
        for name, call in parts[part]():
            yield part, name, call


def _steps(
    work: Work, device: torch.device, able: list[Precision]
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The bare step: backbone × batch × precision × layout."""
    size = work.cfg.image_size
    for backbone in work.cfg.gpu.backbones:
        for batch in work.cfg.gpu.batch_sizes:
            for precision in able:
                for layout in MEMORY_FORMATS:
                    name = f"{backbone}, {batch}, {precision}, {layout}"
                    step = partial(BareStep, backbone, size, batch, precision, layout, device)
                    yield name, lambda step=step: step().rates()  # type: ignore[misc]


def _trainings(
    work: Work, device: torch.device, able: list[Precision]
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """packsight's step, and the bare one in the same minute: backbone × batch × precision."""
    for backbone in work.cfg.gpu.backbones:
        for batch in work.cfg.gpu.batch_sizes:
            for precision in able:
                for form in FORMS:
                    yield (
                        f"{backbone}, {batch}, {precision}, {form}",
                        partial(training_rate, work, backbone, batch, precision, form, device),
                    )


def _waits(
    work: Work, device: torch.device, able: list[Precision]
) -> Iterator[tuple[str, Callable[[], Row]]]:
    backbone, batch = work.cfg.gpu.backbones[0], work.cfg.gpu.batch_sizes[0]
    for precision in able:
        for form in FORMS:
            call = partial(step_waits, work, backbone, batch, precision, form, device)
            yield f"{precision}, {form}", call


def _compiled(
    work: Work, device: torch.device, able: list[Precision]
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The bare step compiled, of the first backbone in bf16 alone: each takes half a minute."""
    backbone, size = work.cfg.gpu.backbones[0], work.cfg.image_size
    precision = Precision.BF16 if Precision.BF16 in able else able[0]
    for batch in work.cfg.gpu.batch_sizes:
        for mode in MODES:
            step = partial(
                BareStep, backbone, size, batch, precision, "channels_last", device, mode
            )
            yield f"{backbone}, {batch}, {precision}, {mode}", lambda step=step: step().rates()  # type: ignore[misc]
