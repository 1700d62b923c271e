"""Student network: a backbone with its feature maps, and a head to the teacher's space."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable

import numpy as np
import torch
from torch import nn

from furniture_prompter.distillation import networks
from furniture_prompter.distillation.networks import (
    IMAGENET_MEAN,
    IMAGENET_SCALE,
    Triple,
    architecture,
    build_backbone,
)
from furniture_prompter.domain.catalog import Projection
from furniture_prompter.errors import DistillationError


class Backbone(nn.Module, ABC):
    """From normalised pixels to feature maps, without a classifier.

    ``forward`` takes float (n, 3, height, width), channels red, green, blue, less ``mean`` and
    divided by ``scale``, and gives float (n, ``width``, height / stride, width / stride).

    Attributes:
        width: Channels of the last feature map.
        inner_widths: Channels of the maps of :meth:`stages` before the last.
        stride: Pixels of the image to one place of the feature map.
        side_px: Side of the square image the architecture is meant for.
        mean: Per channel, in units of 0 to 255.
        scale: Per channel, in the same units.
    """

    side_px: int = 224
    mean: Triple = IMAGENET_MEAN
    scale: Triple = IMAGENET_SCALE

    def __init__(self, width: int, inner_widths: tuple[int, ...] = (), stride: int = 32) -> None:
        super().__init__()
        self.width = width
        self.inner_widths = inner_widths
        self.stride = stride

    @abstractmethod
    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """From (n, 3, side, side): maps (n, channels, h, w) of ``inner_widths``, and the last."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The last feature map, shape (n, width, h, w)."""
        return self.stages(value)[-1]


class InvertedResidual(nn.Module, ABC):
    """Widen, filter each channel by itself, narrow; add the input where shapes allow.

    Args:
        inside: Channels that come in.
        outside: Channels that go out.
        stride: Of the filter.
        expansion: Times as many channels between.

    Attributes:
        wide: Channels between.
        residual: Whether the input is added.
    """

    def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.wide = inside * expansion
        self.residual = stride == 1 and inside == outside

    @abstractmethod
    def filtered(self, value: torch.Tensor) -> torch.Tensor:
        """The input (n, inside, h, w), to the wide channels as filtered, (n, wide, h', w')."""

    @abstractmethod
    def narrowed(self, filtered: torch.Tensor) -> torch.Tensor:
        """These, to as many channels as go out, (n, outside, h', w')."""

    def both(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The wide channels as filtered, and the output; shapes as of the two."""
        filtered = self.filtered(value)
        given = self.narrowed(filtered)
        return filtered, value + given if self.residual else given

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The output, shape (n, outside, h', w')."""
        return self.both(value)[1]


def through(
    layers: Iterable[nn.Module], value: torch.Tensor, read: Container[int]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Pass ``value`` through layers one after another.

    Args:
        layers: Those at the places of ``read`` are inverted residuals.
        value: What the first takes.
        read: Places of layers whose filtered channels are wanted.

    Returns:
        These channels, and what the last layer gives.
    """
    maps = []
    for place, layer in enumerate(layers):
        if place in read and isinstance(layer, InvertedResidual):
            filtered, value = layer.both(value)
            maps.append(filtered)
        else:
            value = layer(value)
    return maps, value


def start(module: nn.Module) -> None:
    """Draw weights as He et al. (ICCV 2015) for layers before a ReLU; norms begin as identity."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def parameter_count(module: nn.Module) -> int:
    """Trained numbers of a module; running means and deviations are not among them."""
    return sum(parameter.numel() for parameter in module.parameters())


GEM_POWER = 3.0
"""Generalised mean (Radenovic et al., TPAMI 2019). Same type on ikea-dev, R@1 / P@5 / mAP: the
ensemble at 256 px 0.693 / 0.532 / 0.469, with the plain mean 0.680 / 0.526 / 0.463; MobileNetV2 at
224 px, float, 0.656 / 0.480 / 0.407 and 0.639 / 0.477 / 0.403."""

_LEAST_VALUE = 1e-6
_LEAST_LENGTH = 1e-12


def pooled(maps: torch.Tensor) -> torch.Tensor:
    """Feature maps (n, width, h, w), none below 0, to their generalised mean, float32 (n, width).

    The mean runs in float32 whatever autocast made of the maps. Values are lifted to 1e-6, where
    the root still has a slope.
    """
    cubed = maps.float().clamp(min=_LEAST_VALUE).pow(GEM_POWER)
    mean: torch.Tensor = cubed.mean(dim=(2, 3)).pow(1 / GEM_POWER)
    return mean


_LEAST_VARIANCE = 1e-6


def deviations(maps: torch.Tensor) -> torch.Tensor:
    """Feature maps (n, width, h, w) to how much each channel varies, float32 (n, width).

    The standard deviation over places, in float32 whatever autocast made of the maps. The variance
    is lifted to 1e-6, so that the root of a map that is the same everywhere has no endless slope.
    """
    values = maps.float()
    mean = values.mean(dim=(2, 3), keepdim=True)
    variance = (values - mean).square().mean(dim=(2, 3))
    return variance.clamp(min=_LEAST_VARIANCE).sqrt()


def unit_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows (n, dimension) divided by their length; a row of zeros stays one.

    Written out, because torch's own ``normalize`` expands the length to the rows' shape.
    """
    lengths: torch.Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp_min(_LEAST_LENGTH)


def normalise(images: torch.Tensor, mean: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Images (n, side, side, 3), 0 to 255, as float (n, 3, side, side): less mean, times factor.

    The result keeps the images' order in memory, which is torch's ``channels_last``.
    """
    return (images.permute(0, 3, 1, 2).to(torch.float32) - mean) * factor


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
