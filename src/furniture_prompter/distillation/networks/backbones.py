"""Backbones: EfficientNet-Lite, MobileNetV2 and ResNet.

EfficientNet-Lite is EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excite. Widths, depths
and padding follow TensorFlow's efficientnet/lite, whose weights these are built for.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from furniture_prompter.distillation.networks.student import (
    Backbone,
    InvertedResidual,
    start,
    through,
)

_LITE_STEM_WIDTH = 32
_LAST_WIDTH = 1280
"""Lite variants scale neither the stem nor the last layer."""

_WIDTH_STEP = 8
_EPSILON = 1e-3
_MOMENTUM = 0.01

_LITE_STAGES = (
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


class _MBConv(InvertedResidual):
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
        self.stem = _layer(3, _LITE_STEM_WIDTH, 3, 2)
        inside = _LITE_STEM_WIDTH
        blocks: list[_MBConv] = []
        ends = []
        for stage, (expansion, width, kernel, depth, stage_stride) in enumerate(_LITE_STAGES):
            outside = _scaled_width(width, width_factor)
            scaled = 0 < stage < len(_LITE_STAGES) - 1
            for index in range(math.ceil(depth * depth_factor) if scaled else depth):
                stride = stage_stride if index == 0 else 1
                blocks.append(_MBConv(inside, outside, kernel, stride, expansion))
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


_STEM_WIDTH = 32


_MOBILENET_STAGES = (
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


class _MobileNetBlock(InvertedResidual):
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
        for expansion, width, blocks, stage_stride in _MOBILENET_STAGES:
            for index in range(blocks):
                stride = stage_stride if index == 0 else 1
                layers.append(_MobileNetBlock(inside, width, stride, expansion))
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


_WIDTHS = (64, 128, 256, 512)
_RESNET_STEM_WIDTH = 64
_BOTTLENECK = 4


class _Basic(nn.Module):
    """Two 3 x 3 convolutions and the way around them."""

    expansion = 1

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inside, width, stride)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        around = value if self.downsample is None else self.downsample(value)
        value = self.relu(self.bn1(self.conv1(value)))
        return self.relu(self.bn2(self.conv2(value)) + around)  # type: ignore[no-any-return]  # nn.Module's call is untyped


class _Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1. The 3 x 3 carries the stride: "v1.5", as all published weights do."""

    expansion = _BOTTLENECK

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = width * self.expansion
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inside, outside, stride)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        around = value if self.downsample is None else self.downsample(value)
        value = self.relu(self.bn1(self.conv1(value)))
        value = self.relu(self.bn2(self.conv2(value)))
        return self.relu(self.bn3(self.conv3(value)) + around)  # type: ignore[no-any-return]  # nn.Module's call is untyped


def _downsample(inside: int, outside: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inside == outside:
        return None
    return nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))


class ResNet(Backbone):
    """Four stages of residual blocks.

    Args:
        block: Its kind.
        depths: Blocks of each stage.
    """

    def __init__(
        self, block: type[_Basic] | type[_Bottleneck], depths: tuple[int, int, int, int]
    ) -> None:
        super().__init__(_WIDTHS[-1] * block.expansion, (_WIDTHS[-2] * block.expansion,))
        self.conv1 = nn.Conv2d(3, _RESNET_STEM_WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(_RESNET_STEM_WIDTH)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside = _RESNET_STEM_WIDTH
        stages = []
        for width, depth in zip(_WIDTHS, depths, strict=True):
            blocks: list[nn.Module] = []
            for index in range(depth):
                stride = 2 if index == 0 and width != _WIDTHS[0] else 1
                blocks.append(block(inside, width, stride))
                inside = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        start(self)
        for part in self.modules():
            # Every block begins as its way around (Goyal et al., 2017, section 5.1).
            if isinstance(part, _Basic):
                nn.init.zeros_(part.bn2.weight)
            elif isinstance(part, _Bottleneck):
                nn.init.zeros_(part.bn3.weight)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalised (n, 3, h, w) to a map of h / 16, w / 16 and (n, width, h / 32, w / 32)."""
        value = self.maxpool(self.relu(self.bn1(self.conv1(value))))
        third = self.layer3(self.layer2(self.layer1(value)))
        return third, self.layer4(third)


def resnet18() -> ResNet:
    """11.2 million parameters, 512 channels."""
    return ResNet(_Basic, (2, 2, 2, 2))


def resnet50() -> ResNet:
    """23.5 million parameters, 2,048 channels."""
    return ResNet(_Bottleneck, (3, 4, 6, 3))
