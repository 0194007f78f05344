import pytest
import torch
from torch import Tensor, nn

from packsight.errors import UserError
from packsight.models.network import Network
from packsight.models.trial import check_trainable, fitting_size


class Patches(nn.Module):
    """Takes sides that are multiples of a number, and no others."""

    def __init__(self, step: int, square: bool = False) -> None:
        super().__init__()
        self.step, self.square = step, square
        self.head = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        assert height % self.step == width % self.step == 0
        assert not self.square or height == width
        return self.head(images.mean((2, 3)))


def build(backbone: nn.Module, heads: tuple[str, ...] = ("head",)):
    return lambda size: Network(backbone, [0.0] * 3, [1.0] * 3, heads=heads)


@pytest.mark.parametrize(
    ("step", "square", "size"),
    [
        (1, False, (288, 384)),
        (14, False, (280, 378)),
        (48, False, (288, 384)),
        (256, False, (512, 512)),
        (32, True, (512, 512)),
    ],
)
def test_the_size_is_the_nearest_that_is_taken(step, square, size):
    with torch.device("meta"):
        backbone = Patches(step, square)
    assert fitting_size(build(backbone), (288, 384), (512, 512)) == size


def test_a_backbone_that_takes_none_is_refused():
    with torch.device("meta"):
        backbone = Patches(1000)
    with pytest.raises(UserError, match="288 × 384 or 224 × 224 pixels; choose another"):
        fitting_size(build(backbone), (288, 384), (224, 224))


def test_a_backbone_without_scores_of_labels_is_refused():
    with pytest.raises(UserError, match="no score for each label"):
        fitting_size(build(nn.Identity(), ()), (32, 32), (32, 32))


class Mixed(nn.Module):
    """Two heads that get two vectors and count by shares that are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(2))
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        shares = self.shares.softmax(0)
        return shares[0] * self.a(images.mean((2, 3))) + shares[1] * self.b(images.amax((2, 3)))


def test_features_are_kept_where_heads_make_the_same_of_them_alone():
    check_trainable(build(Patches(1)), (32, 64), frozen_share=0.0, views=4)
    with pytest.raises(UserError, match=r"finetune\.views=0"):
        check_trainable(build(Mixed(), ("a", "b")), (32, 64), frozen_share=0.0, views=4)
    check_trainable(build(Mixed(), ("a", "b")), (32, 64), frozen_share=0.0, views=0)
