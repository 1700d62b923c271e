"""EfficientNet-Lite0 and Lite2: EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excite.

Widths, depths and padding follow TensorFlow's efficientnet/lite, whose weights these are built for.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from furniture_prompter.distillation.networks.backbone import Backbone, start

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

_EXPANSION = 6
"""Of every stage but the first."""

_INNER_STAGES = (3, 4, 5, 6)
"""Those whose last blocks' filtered channels a student reads too: 480, 672, 1,152 and 1,152 of
Lite0, places a 16th or a 32nd of the side."""


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


class _Block(nn.Module):
    """Widen, filter each channel by itself, narrow; add the input where shapes allow."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inside * expansion
        self.expand = _layer(inside, middle, 1) if expansion != 1 else nn.Identity()
        self.depthwise = _layer(middle, middle, kernel, stride, groups=middle)
        self.project = _layer(middle, outside, 1, clipped=False)
        self.residual = stride == 1 and inside == outside

    def filtered(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The wide channels as filtered, and the block's output."""
        wide: torch.Tensor = self.depthwise(self.expand(value))
        given: torch.Tensor = self.project(wide)
        return wide, value + given if self.residual else given

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.filtered(value)[1]


class EfficientNetLite(Backbone):
    """The network up to the 1,280 channels that feed the classifier.

    Args:
        width_factor: Times the widths of Lite0, rounded to a multiple of 8.
        depth_factor: Times the blocks of every stage but the first and the last, rounded up.
    """

    def __init__(self, width_factor: float, depth_factor: float) -> None:
        widths = [_scaled_width(width, width_factor) for _, width, _, _, _ in _STAGES]
        # Before their last block the last four stages have as many channels as behind it, but for
        # the last stage, whose one block comes from the stage before.
        before = (*widths[3:6], widths[5])
        super().__init__(_LAST_WIDTH, tuple(_EXPANSION * width for width in before))
        self.stem = _layer(3, _STEM_WIDTH, 3, 2)
        inside = _STEM_WIDTH
        blocks: list[nn.Module] = []
        ends = []
        for stage, (expansion, _, kernel, depth, stage_stride) in enumerate(_STAGES):
            outside = widths[stage]
            scaled = 0 < stage < len(_STAGES) - 1
            for index in range(math.ceil(depth * depth_factor) if scaled else depth):
                stride = stage_stride if index == 0 else 1
                blocks.append(_Block(inside, outside, kernel, stride, expansion))
                inside = outside
            ends.append(len(blocks) - 1)
        self.inner_ends = [ends[stage] for stage in _INNER_STAGES]
        self.blocks = nn.Sequential(*blocks)
        self.head = _layer(inside, _LAST_WIDTH, 1)
        start(self)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalised (n, 3, h, w) to four inner maps and (n, 1280, h / 32, w / 32)."""
        value = self.stem(value)
        maps = []
        for place, block in enumerate(self.blocks):
            if place in self.inner_ends and isinstance(block, _Block):
                wide, value = block.filtered(value)
                maps.append(wide)
            else:
                value = block(value)
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
