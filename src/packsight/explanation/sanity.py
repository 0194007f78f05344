"""Whether a map is about the model at all, and whether it stays when the image hardly changes."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

from packsight.explanation.attribution import Explainer, Scorer, exact
from packsight.models.network import Network, forget
from packsight.models.stages import stages_of
from packsight.system.console import track

CELLS = 28  # along the shorter side: regions are compared, not the speckle of pixels
SHIFT = 4  # pixels of the input
# Adebayo et al. (2018) and Alvarez-Melis and Jaakkola (2018) give the tests, but no limits. Ours:
# a map of a scrambled model may keep less than half of the rank order, a shifted one more.
LIMIT = 0.5


def sanity_checks(
    network: Network, explainer: Explainer, images: Tensor, baselines: Tensor
) -> pd.DataFrame:
    """Both tests on images [N, 3, H, W] under baselines [N, K, 3, H, W], float in 0..1.

    A row per test, stage (what was scrambled, or where to an image was shifted) and image:
    test, stage, number, image, spearman, spearman_abs, ssim, of the map and the original one.
    """
    rows: list[dict[str, Any]] = []
    with exact(images.device):

        def maps(network: Network, images: Tensor, baselines: Tensor) -> list[np.ndarray]:
            found = explainer.explain(Scorer(network), images, baselines)
            return [_cells(item.map.numpy()) for item in found]

        def note(test: str, stage: str, number: int, found: Sequence[np.ndarray]) -> None:
            for image, (one, other) in enumerate(zip(originals, found, strict=True)):
                rows.append(
                    {"test": test, "stage": stage, "number": number, "image": image}
                    | similarity(one, other)
                )

        originals = maps(network, images, baselines)
        stages = list(scrambled(network))
        for number, (stage, changed) in enumerate(track(stages, "scramble the model"), 1):
            note("randomisation", stage, number, maps(changed, images, baselines))
        shifts = [(SHIFT, 0), (-SHIFT, 0), (0, SHIFT), (0, -SHIFT)]
        for number, (down, right) in enumerate(track(shifts, "shift the images"), 1):
            moved = shifted(images, down, right)
            starts = shifted(baselines.flatten(0, 1), down, right).unflatten(0, baselines.shape[:2])
            found = explainer.explain(Scorer(network), moved, starts)
            back = [shifted(item.map[None, None], -down, -right)[0, 0] for item in found]
            note("shift", f"{down} down, {right} right", number, [_cells(b.numpy()) for b in back])
    return pd.DataFrame(rows)


def scrambled(network: Network) -> Iterator[tuple[str, Network]]:
    """Copies of a network whose weights are scrambled cumulatively, stage by stage from the top.

    Each tensor's values are permuted, so that activations keep their size (Adebayo et al. 2018
    draw new ones). Stages are timm's own; the head is the first.
    """
    generator = torch.Generator().manual_seed(0)
    forget(network)
    changed = copy.deepcopy(network)
    done: set[int] = set()

    def scramble(parameters: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for parameter in parameters:
                if id(parameter) not in done:
                    order = torch.randperm(parameter.numel(), generator=generator)
                    values = parameter.flatten()[order.to(parameter.device)]
                    parameter.copy_(values.view(parameter.shape))
                    done.add(id(parameter))

    scramble([parameter for head in changed.heads for parameter in head.parameters()])
    yield "head", copy.deepcopy(changed)
    named = [dict(backbone.named_parameters()) for backbone in changed.backbones]
    # Where no stages are told, the backbone counts as one.
    groups = [stages_of(b) or {0: [*n]} for b, n in zip(changed.backbones, named, strict=True)]
    for stage in sorted(set().union(*groups), reverse=True):
        before = len(done)
        for parameters, group in zip(named, groups, strict=True):
            scramble([parameters[name] for name in group.get(stage, ())])
        if len(done) > before:
            yield f"and stage {stage}", copy.deepcopy(changed)


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Images [B, C, H, W] moved by so many pixels; what comes in repeats the edge."""
    pad = max(abs(down), abs(right))
    height, width = images.shape[2:]
    padded = F.pad(images, (pad, pad, pad, pad), mode="replicate")
    return padded[..., pad - down : pad - down + height, pad - right : pad - right + width]


def similarity(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Spearman's rank correlation of two maps and of their sizes, and their SSIM, each to 1."""
    ssim = structural_similarity_index_measure(_scaled(one), _scaled(other), data_range=2.0)
    assert isinstance(ssim, Tensor)
    return {
        "spearman": _spearman(one, other),
        "spearman_abs": _spearman(np.abs(one), np.abs(other)),
        "ssim": ssim.item(),
    }


def verdicts(checks: pd.DataFrame, method: str) -> list[str]:
    """What the checks say of a method, a sentence for each test; a failure is called one."""
    sentences = []
    cascade = checks[checks["test"] == "randomisation"]
    last = cascade[cascade["number"] == cascade["number"].max()]
    kept, kept_abs = last["spearman"].mean(), last["spearman_abs"].mean()
    fails = not max(abs(kept), abs(kept_abs)) < LIMIT
    sentences.append(
        f"{method} {'FAILS' if fails else 'passes'} the model-randomisation test (Adebayo et al. "
        f"2018): with all weights scrambled, its maps keep a rank correlation of {kept:.2f} "
        f"({kept_abs:.2f} without signs) with the trained model's, {'not ' if fails else ''}below "
        f"{LIMIT}."
    )
    shift = checks[checks["test"] == "shift"]["spearman"].mean()
    fails = not shift >= LIMIT
    sentences.append(
        f"{method} {'FAILS' if fails else 'passes'} the stability test: where an image is shifted "
        f"by {SHIFT} pixels, its maps keep a rank correlation of {shift:.2f}, "
        f"{'below' if fails else 'at least'} {LIMIT}."
    )
    return sentences


def _cells(values: np.ndarray) -> np.ndarray:
    """A map [H, W] by areas, `CELLS` along its shorter side."""
    scale = min(1.0, CELLS / min(values.shape))
    size = [max(1, round(side * scale)) for side in values.shape[::-1]]
    return cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    """nan where a map is the same everywhere."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other, axis=None).statistic)


def _scaled(values: np.ndarray) -> Tensor:
    """A map in -1..1 as an image [1, 1, H, W]."""
    largest = max(float(np.abs(values).max()), 1e-12)
    return torch.from_numpy(values / largest)[None, None].float()
