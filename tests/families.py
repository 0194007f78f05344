"""Every family of timm's models, one small member each, tried as a training would use it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import timm
import torch
from timm.models import _registry
from torch.nn import functional as F

from packsight.errors import UserError
from packsight.models.backbone import input_size
from packsight.models.batch_norm_folding import TOLERANCE, fold_batch_norm
from packsight.models.finetune import freeze_stages, head_parameters
from packsight.models.network import build_network
from packsight.models.pair_network import PairNetwork
from packsight.models.trial import _takes, check_trainable, fitting_size
from packsight.models.weights import create_network

CROP = (288, 384)  # what the default recipe shows a network
LARGEST = 40_000_000  # parameters of what is tried with numbers
SIDES = (32, 64, 96, 128, 160, 192, 224, 240, 256)
SMALLER = ("test", "zepto|pico|atto|femto|nano|xxs|xx_small", "xs|xtiny|_t\\d?_|tiny|ti_",
           "small|_s_?|mini|lite", "base|_b_?|medium", "large|huge|giant|xl")  # fmt: skip


@dataclass
class Tried:
    """What came of one family's member."""

    name: str
    parameters: int = 0
    numbers: bool = True  # False: too large to be tried with any
    crop: tuple[int, int] = CROP  # of the images that it gets by default
    smallest: tuple[int, int] = (0, 0)
    heads: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # sentences, by what was asked for


@cache
def families() -> dict[str, list[str]]:
    """Names of models by module and leading letters: `byoanet halonet`."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in timm.list_models():
        letters = re.match(r"[a-z]+", re.sub(r"^(tf|test)_", "", name))
        assert letters is not None, name
        found[f"{_registry._model_to_module[name]} {letters.group()}"].append(name)
    return dict(found)


def member(family: str) -> str:
    """A small model of a family: of those whose names say so the one with fewest parameters."""
    names = sorted(families()[family], key=_guess)[:3]
    return min(names, key=lambda name: _parameters(name)) if len(names) > 1 else names[0]


def _guess(name: str) -> tuple[int, int, int]:
    rank = next((n for n, words in enumerate(SMALLER) if re.search(words, name)), 3)
    numbers = [int(number) for number in re.findall(r"\d+", name)]
    return rank, numbers[0] if numbers else 0, len(name)


def _parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in timm.create_model(name).parameters())


def try_out(name: str) -> Tried:
    """Build, run and train a step; what is refused in a sentence is noted, all else raises."""
    told = Tried(name)

    def build(size: tuple[int, int]):
        return create_network(name, size)

    own = input_size(name)
    try:
        told.crop = fitting_size(build, CROP, own)
    except UserError as error:
        told.refused["training"] = str(error)
        return told
    told.smallest = size = _smallest(build, told.crop)
    told.parameters = _parameters(name)
    told.numbers = told.parameters <= LARGEST
    torch.manual_seed(0)
    with torch.device("cpu" if told.numbers else "meta"):
        network = build_network(name, size)
        told.heads = len(network.heads)
        heads = head_parameters(network)
        assert heads
        for what, share, views in (("finetune=partial", 0.4, 0), ("finetune=probe", 0.0, 4)):
            try:
                check_trainable(build, size, share, views if told.numbers else 0)
            except UserError as error:
                told.refused[what] = str(error)
        if "finetune=partial" not in told.refused:
            freeze_stages(network, 0.4)
            frozen = [p for p in network.parameters() if not p.requires_grad]
            assert heads.isdisjoint(map(id, frozen))
            assert 0 < len(frozen) < len([*network.parameters()]) - len(heads)
        images = torch.rand(2, 3, *size)
        F.cross_entropy(network.train()(images), torch.tensor([0, 1])).backward()
        assert all(p.grad is not None for p in network.parameters() if id(p) in heads)
        if told.numbers:
            _look(network.eval(), images)
        pair = PairNetwork(build_network(name, size), size, shared=True)
        assert pair(torch.rand(2, 3, size[0], 2 * size[1])).shape == (2, 2)
    return told


def _smallest(build, largest: tuple[int, int]) -> tuple[int, int]:
    """The smallest square that a backbone takes, to be quick."""
    for side in SIDES:
        if _takes(build, (side, side)):
            return side, side
    return largest


def _look(network, images: torch.Tensor) -> None:
    """What predicting and explaining do: mirror images, gradients of pixels, folding."""
    shown = images.clone().requires_grad_()
    [gradient] = torch.autograd.grad(network(shown)[:, 1].sum(), shown)
    assert torch.isfinite(gradient).all()
    with torch.no_grad():
        assert network.probability(images, [(), (3,)]).shape == (2,)
        before = network(images)
        fold_batch_norm(network, images)
        assert torch.allclose(network(images), before, atol=TOLERANCE, rtol=TOLERANCE)


def lines(rows: list[Tried], by_family: dict[str, str]) -> Iterator[str]:
    """What is special, as rows of a table in Markdown."""
    for row in rows:
        said = []
        if row.crop != CROP:
            said.append(f"gets {row.crop[0]} × {row.crop[1]} in the place of {CROP[0]} × {CROP[1]}")
        if row.heads > 1:
            said.append(f"{row.heads} heads")
        said += [f"{what}: refused" for what in row.refused]
        if said:
            yield f"| `{by_family[row.name]}` | `{row.name}` | {'; '.join(said)} |"
