"""Integrated Gradients beside the plain passes it consists of, and Captum's own defaults."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor, nn

from packsight.benchmark.measure import Spread, in_turns, peak_mb, peer_process
from packsight.benchmark.work import Work
from packsight.data.datamodule import PackageDataModule
from packsight.domain import Split
from packsight.explanation.attribution import Scorer, exact
from packsight.explanation.integrated_gradients import IntegratedGradients
from packsight.runs.saved import Run

STEPS = 48  # points on the path
SIZES = (2, 4, 8)  # batches of the plain passes
METHOD = IntegratedGradients(["black"], STEPS, max_steps=STEPS, max_batch=8)


def explanation_cost(work: Work, run: Run, data: PackageDataModule) -> dict[str, Any]:
    """Milliseconds of a step for one image, and by how much its map raises the memory at most.

    A plain pass is forward and backward to the images through the same network, with the batch
    size that takes least. Captum's defaults are all steps in one batch, in the default memory
    layout, of parameters that ask for gradients, in a process of its own that leaves malloc as it
    is. `ratio` is the median of each turn's own.
    """
    scorer = Scorer(run.load_network())
    image = data.images(data.rows(Split.TRAIN)["path"][:1]).float().contiguous() / 255
    black = torch.zeros_like(image)

    def plain(size: int) -> None:
        for _ in range(STEPS // size):
            batch = image.expand(size, -1, -1, -1).clone().requires_grad_(True)
            torch.autograd.grad(scorer(batch).sum(), batch)

    calls: dict[str, Callable[[], object]] = {
        **{f"plain passes, {size} at once": partial(plain, size) for size in SIZES},
        "Integrated Gradients": lambda: METHOD.explain(scorer, image, black[None]),
    }
    with peer_process(_start_captum, run, image) as peer, exact(scorer.device):
        captum = {"Captum's defaults": lambda: peer.submit(_attribute_by_captum).result()}
        turns = in_turns(calls | captum, work.cfg.repetitions)
        memory = {name: peak_mb(call) for name, call in calls.items()}
        memory["Captum's defaults"] = peer.submit(peak_mb, _attribute_by_captum).result()
    table: dict[str, dict[str, Any]] = {
        name: {
            "ms_per_step": Spread.of(1000 * turn[name] / STEPS for turn in turns),
            "peak_mb": memory[name],
        }
        for name in memory
    }
    own = [turn["Integrated Gradients"] for turn in turns]
    best = [min(turn[name] for name in calls if "plain" in name) for turn in turns]
    for name, others in (
        ("Integrated Gradients, of plain passes", best),
        ("Integrated Gradients, of Captum's defaults", [t["Captum's defaults"] for t in turns]),
    ):
        found = Spread.of(mine / other for mine, other in zip(own, others, strict=True))
        table[name] = {"ratio": found}
    return table


_captum: Callable[[], object]  # of the process that _start_captum prepared


def _start_captum(run: Run, image: Tensor) -> None:
    global _captum
    method = CaptumIntegratedGradients(_Score(run.load_network().requires_grad_(True)))
    _captum = partial(method.attribute, image, torch.zeros_like(image), n_steps=STEPS)


def _attribute_by_captum() -> None:
    _captum()


class _Score(nn.Module):
    """What the network says for damaged and against intact, with nothing else changed."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        return logits[:, 1] - logits[:, 0]
