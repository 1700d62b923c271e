"""What every network has in common, and the start of its weights."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable

import torch
from torch import nn

from furniture_prompter.distillation.networks import IMAGENET_MEAN, IMAGENET_SCALE, Triple


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
        """What ``forward`` takes, to the maps of ``inner_widths`` channels and the last one."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The last feature map."""
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
        """The input, to the wide channels as filtered."""

    @abstractmethod
    def narrowed(self, filtered: torch.Tensor) -> torch.Tensor:
        """These, to as many channels as go out."""

    def both(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The wide channels as filtered, and the output."""
        filtered = self.filtered(value)
        given = self.narrowed(filtered)
        return filtered, value + given if self.residual else given

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The output."""
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
