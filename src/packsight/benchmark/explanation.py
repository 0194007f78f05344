"""Integrated Gradients beside the plain passes it consists of, and Captum's own defaults."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor, nn

from packsight.benchmark.measure import Spread, in_turns, peak_mb
from packsight.benchmark.work import Work
from packsight.data.datamodule import PackageDataModule
from packsight.data.manifest import Split
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
    layout, of parameters that ask for gradients. `ratio` is the median of each turn's own.
    """
    network = run.load_network()
    scorer = Scorer(network)
    given = copy.deepcopy(network).to(memory_format=torch.contiguous_format).requires_grad_(True)
    captum = CaptumIntegratedGradients(_Score(given))
    image = data.images(data.rows(Split.TRAIN)["path"][:1]).float().contiguous() / 255
    black = torch.zeros_like(image)

    def plain(size: int) -> None:
        for _ in range(STEPS // size):
            batch = image.expand(size, -1, -1, -1).clone().requires_grad_(True)
            torch.autograd.grad(scorer(batch).sum(), batch)

    calls: dict[str, Callable[[], object]] = {
        **{f"plain passes, {size} at once": partial(plain, size) for size in SIZES},
        "Integrated Gradients": lambda: METHOD.explain(scorer, image, black[None]),
        "Captum's defaults": lambda: captum.attribute(image, black, n_steps=STEPS),
    }
    with exact(scorer.device):
        turns = in_turns(calls, work.cfg.repetitions)
        memory = {name: peak_mb(call) for name, call in calls.items()}
    table: dict[str, dict[str, Any]] = {
        name: {
            "ms_per_step": Spread.of(1000 * turn[name] / STEPS for turn in turns),
            "peak_mb": memory[name],
        }
        for name in calls
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


class _Score(nn.Module):
    """What the network says for damaged and against intact, with nothing else changed."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        return logits[:, 1] - logits[:, 0]
