"""A student: pixels in, a unit vector of its teacher's space out."""

import numpy as np
import torch
from torch import nn

from furniture_prompter.distillation import networks
from furniture_prompter.distillation.networks import architecture, build_backbone
from furniture_prompter.distillation.networks.backbone import (
    Backbone,
    deviations,
    normalise,
    pooled,
    unit_rows,
)
from furniture_prompter.domain.catalog import Projection
from furniture_prompter.errors import DistillationError


class Student(nn.Module):
    """Backbone, pooled maps, their square roots, linear map to the teacher's space, unit length.

    Features are the generalised mean of the backbone's last map, and how much each channel of
    earlier maps varies: what the last layers, made for ImageNet's classes, have let go of. Their
    roots keep a few strong channels from speaking for all (power normalisation: Perronnin et al.,
    Improving the Fisher kernel, ECCV 2010). What either gains is in docs/experiments.md, "What a
    student's head reads". Pooling and what follows run in float32 whatever autocast makes of the
    backbone.

    Args:
        architecture: A name of :mod:`~furniture_prompter.distillation.networks`.
        dimension: Of the teacher's vectors.
        side_px: Side of the square images; None takes the architecture's own.

    Attributes:
        architecture: The name.
        dimension: Components of a vector.
        side_px: Side of the images it takes.
        float_layers: Starts of the names of layers that an int8 export leaves float.
        backbone: The network; ``head``: the nn.Linear behind the features.
        parts: Features of the last map, then of each earlier one.
        balance: What each feature is multiplied by; ones until the head is fitted.

    Raises:
        DistillationError: no such architecture, or a dimension or side that cannot be.
    """

    mean: torch.Tensor
    factor: torch.Tensor
    balance: torch.Tensor

    def __init__(self, architecture: str, dimension: int, side_px: int | None = None) -> None:
        super().__init__()
        entry = networks.architecture(architecture)
        side = entry.side_px if side_px is None else side_px
        if dimension < 1:
            raise DistillationError(f"A vector needs at least 1 component, not {dimension}.")
        self.backbone = networks.build_backbone(architecture)
        if side < self.backbone.stride or side % self.backbone.stride:
            raise DistillationError(
                f"{entry.title} takes images whose side is a multiple of {self.backbone.stride} "
                f"pixels, not {side}; its own is {entry.side_px}."
            )
        self.architecture = architecture
        self.dimension = dimension
        self.side_px = side
        self.float_layers = tuple(f"backbone.{layer}" for layer in entry.float_layers)
        self.parts = (self.backbone.width, *self.backbone.inner_widths)
        self.head = nn.Linear(sum(self.parts), dimension)
        self.register_buffer("balance", torch.ones(sum(self.parts)))
        mean = torch.tensor(entry.mean).reshape(1, 3, 1, 1)
        factor = 1 / torch.tensor(entry.scale).reshape(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("factor", factor, persistent=False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3), sRGB, to features float32 (n, sum of ``parts``)."""
        *inner, last = self.backbone.stages(normalise(images, self.mean, self.factor))
        read = torch.cat([pooled(last), *map(deviations, inner)], dim=1)
        return read.sqrt() * self.balance

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3), sRGB, to unit rows float32 (n, dimension)."""
        features = self.features(images)
        with torch.autocast(features.device.type, enabled=False):
            return unit_rows(self.head(features))


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
