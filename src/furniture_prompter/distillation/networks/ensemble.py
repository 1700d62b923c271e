"""The teacher that needs no hub: three ImageNet networks side by side."""

import numpy as np
import torch
from torch import nn

from furniture_prompter.distillation.networks.backbone import (
    Backbone,
    normalise,
    pooled,
    unit_rows,
)
from furniture_prompter.distillation.networks.registry import architecture, build_backbone
from furniture_prompter.domain.projection import Projection

MEMBERS = ("mobilenetv2", "efficientnet-lite0", "efficientnet-lite2")
SIDE_PX = 256
"""At 224 pixels the same-type mAP on ikea-dev is 0.457, at 256 0.469, before the projection."""
DIMENSION = 512
"""Same type on ikea-dev, R@1 / mAP: 0.670 / 0.478 along 512 axes, 0.689 / 0.480 with all 3,840
components less their mean, 0.693 / 0.469 as they are."""


class ImagenetEnsemble(nn.Module):
    """Last features of each member, pooled, to unit length, joined, projected, to unit length.

    Args:
        dimension: Of its vectors.

    Attributes:
        members: The backbones, by the order of ``MEMBERS``.
        dimension: Components of a vector.
        projection: From the 3 x 1,280 joined components to those; random until :meth:`project`.
        side_px: Side of the images it takes.
        float_layers: Starts of the names of layers that an int8 export leaves float.
    """

    def __init__(self, dimension: int = DIMENSION) -> None:
        super().__init__()
        self.members = nn.ModuleList([build_backbone(name) for name in MEMBERS])
        self.side_px = SIDE_PX
        self.dimension = dimension
        self.projection = nn.Linear(sum(member.width for member in self.backbones), dimension)
        self.float_layers = tuple(
            f"members.{index}.{layer}"
            for index, name in enumerate(MEMBERS)
            for layer in architecture(name).float_layers
        )
        for name in MEMBERS:
            entry = architecture(name)
            mean = torch.tensor(entry.mean).reshape(1, 3, 1, 1)
            factor = 1 / torch.tensor(entry.scale).reshape(1, 3, 1, 1)
            self.register_buffer(f"{name}_mean", mean, persistent=False)
            self.register_buffer(f"{name}_factor", factor, persistent=False)

    @property
    def backbones(self) -> list[Backbone]:
        """The members, as what they are."""
        return [member for member in self.members if isinstance(member, Backbone)]

    def project(self, fitted: Projection) -> None:
        """Take over a projection of joined rows to ``dimension`` components."""
        with torch.no_grad():
            self.projection.weight.copy_(torch.from_numpy(np.ascontiguousarray(fitted.axes.T)))
            self.projection.bias.copy_(torch.from_numpy(fitted.offset))

    def joined(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3), sRGB, to unit rows float32 (n, 3,840)."""
        parts = []
        for name, member in zip(MEMBERS, self.members, strict=True):
            mean, factor = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_factor")
            maps: torch.Tensor = member(normalise(images, mean, factor))
            parts.append(unit_rows(pooled(maps)))
        return unit_rows(torch.cat(parts, dim=1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3), sRGB, to unit rows float32 (n, dimension)."""
        return unit_rows(self.projection(self.joined(images)))
