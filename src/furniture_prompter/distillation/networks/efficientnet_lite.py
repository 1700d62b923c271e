"""EfficientNet-Lite0 and Lite2: EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excite.

Widths, depths and padding follow TensorFlow's efficientnet/lite, whose weights these are built for.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from furniture_prompter.distillation.networks.backbone import (
    Backbone,
    InvertedResidual,
    start,
    through,
)

_STEM_WIDTH = 32
_LAST_WIDTH = 1280
"""Lite variants scale neither the stem nor the last layer."""

_WIDTH_STEP = 8
_EPSILON = 1e-3
_MOMENTUM = 0.01

_STAGES = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 5, 3, 1),
    (6, 192, 5, 4, 2),
    (6, 320, 3, 1, 1),
)
"""Expansion, width, kernel, blocks and first stride of each stage of Lite0."""

_FIRST_INNER_STAGE = 3
"""From here on a student reads the filtered channels of a stage's last block too: 480, 672, 1,152
and 1,152 of Lite0, places a 16th or a 32nd of the side."""


class SameConvolution(nn.Conv2d):
    """A convolution without bias whose output has ceil(side / stride) places, as TensorFlow pads.

    An odd pixel of padding goes to the bottom and the right, which torch's own padding cannot say.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        # With stride 1 the padding is symmetric, and the convolution does it by itself.
        own = kernel // 2 if stride == 1 else 0
        super().__init__(inside, outside, kernel, stride, own, groups=groups, bias=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's own name
        """(n, inside, h, w) to (n, outside, ceil(h / stride), ceil(w / stride))."""
        if self.stride[0] > 1:
            top, bottom = self._pads(input.shape[2])
            left, right = self._pads(input.shape[3])
            input = functional.pad(input, (left, right, top, bottom))  # noqa: A001  # see above
        return super().forward(input)

    def _pads(self, side: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        return total // 2, total - total // 2


class _Block(InvertedResidual):
    """Its three parts by name."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__(inside, outside, stride, expansion)
        self.expand = _layer(inside, self.wide, 1) if expansion != 1 else nn.Identity()
        self.depthwise = _layer(self.wide, self.wide, kernel, stride, groups=self.wide)
        self.project = _layer(self.wide, outside, 1, clipped=False)

    def filtered(self, value: torch.Tensor) -> torch.Tensor:
        filtered: torch.Tensor = self.depthwise(self.expand(value))
        return filtered

    def narrowed(self, filtered: torch.Tensor) -> torch.Tensor:
        narrow: torch.Tensor = self.project(filtered)
        return narrow


class EfficientNetLite(Backbone):
    """The network up to the 1,280 channels that feed the classifier.

    Args:
        width_factor: Times the widths of Lite0, rounded to a multiple of 8.
        depth_factor: Times the blocks of every stage but the first and the last, rounded up.
    """

    def __init__(self, width_factor: float, depth_factor: float) -> None:
        super().__init__(_LAST_WIDTH)
        self.stem = _layer(3, _STEM_WIDTH, 3, 2)
        inside = _STEM_WIDTH
        blocks: list[_Block] = []
        ends = []
        for stage, (expansion, width, kernel, depth, stage_stride) in enumerate(_STAGES):
            outside = _scaled_width(width, width_factor)
            scaled = 0 < stage < len(_STAGES) - 1
            for index in range(math.ceil(depth * depth_factor) if scaled else depth):
                stride = stage_stride if index == 0 else 1
                blocks.append(_Block(inside, outside, kernel, stride, expansion))
                inside = outside
            ends.append(len(blocks) - 1)
        self.inner_ends = ends[_FIRST_INNER_STAGE:]
        self.inner_widths = tuple(blocks[end].wide for end in self.inner_ends)
        self.blocks = nn.Sequential(*blocks)
        self.head = _layer(inside, _LAST_WIDTH, 1)
        start(self)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalised (n, 3, h, w) to four inner maps and (n, 1280, h / 32, w / 32)."""
        maps, value = through(self.blocks, self.stem(value), self.inner_ends)
        return *maps, self.head(value)


def _layer(
    inside: int,
    outside: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    clipped: bool = True,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        SameConvolution(inside, outside, kernel, stride, groups),
        nn.BatchNorm2d(outside, _EPSILON, _MOMENTUM),
    ]
    if clipped:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


def _scaled_width(width: int, factor: float) -> int:
    """The nearest multiple of 8, but never a tenth below (the source's round_filters)."""
    scaled = width * factor
    rounded = max(_WIDTH_STEP, int(scaled + _WIDTH_STEP / 2) // _WIDTH_STEP * _WIDTH_STEP)
    return rounded + _WIDTH_STEP if rounded < 0.9 * scaled else rounded


def lite0() -> EfficientNetLite:
    """3.4 million parameters, 1,280 channels."""
    return EfficientNetLite(1.0, 1.0)


def lite2() -> EfficientNetLite:
    """4.8 million parameters, 1,280 channels."""
    return EfficientNetLite(1.1, 1.2)
