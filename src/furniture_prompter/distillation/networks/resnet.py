"""ResNet18 and ResNet50 (He et al., CVPR 2016), layers named as torchvision and timm name them."""

import torch
from torch import nn

from furniture_prompter.distillation.networks.backbone import Backbone, start

_WIDTHS = (64, 128, 256, 512)
_STEM_WIDTH = 64
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
        self.conv1 = nn.Conv2d(3, _STEM_WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM_WIDTH)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside = _STEM_WIDTH
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
