"""One model for both images of a package."""

import copy

import torch
from torch import Tensor, nn

from packsight.domain import LABELS
from packsight.models.network import Axes, Network


class PairNetwork(Network):
    """A backbone's features of both images, concatenated, under one head.

    `network` gives the backbone and its weights; both cameras share it, or each has its own.
    `size` is the height and width of one image.
    """

    images = 2

    def __init__(self, network: Network, size: tuple[int, int], shared: bool) -> None:
        backbone = network.backbone
        backbone.reset_classifier(0)
        super().__init__(backbone, network.mean, network.std, network.drop_rate)
        self.head_names = ["classifier"]
        self.side_backbone = None if shared else copy.deepcopy(backbone)
        with torch.no_grad():
            # Asked of the network itself: families name this number differently.
            features = backbone.eval()(torch.zeros(1, 3, *size)).shape[1]
        self.classifier = nn.Linear(2 * features, len(LABELS))
        self.train()

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, 2 W], top left and side right, to logits [B, 2]."""
        top, side = self.normalised(images).chunk(2, dim=3)
        if self.side_backbone is None:
            # One pass, so that batch normalisation sees both cameras as it will in use.
            # Divided by a number that is known, not by the batch's: an exported network keeps it.
            both = self.backbone(torch.cat([top, side])).unflatten(0, (2, -1))
            features = both[0], both[1]
        else:
            features = self.backbone(top), self.side_backbone(side)
        return self.classifier(torch.cat(features, dim=1))

    def mirrored(self, images: Tensor, axes: Axes) -> Tensor:
        return torch.cat([image.flip(axes) for image in images.chunk(2, dim=3)], dim=3)

    @property
    def backbones(self) -> list[nn.Module]:
        return (
            [self.backbone] if self.side_backbone is None else [self.backbone, self.side_backbone]
        )
