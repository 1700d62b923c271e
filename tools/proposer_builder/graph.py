"""ONNX graph of the finder: the int8 network with the trained head behind it, in float."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from tools.encoder_builder.graph import GraphWriter
from tools.proposer_builder.backbone import Backbone
from tools.proposer_builder.head import OUTPUTS, Head, Separable
from tools.proposer_builder.targets import STRIDES


def joined(backbone: Backbone, head: Head, side_px: int) -> onnx.ModelProto:
    """uint8 image (1, side, side, 3) to (1, cells, OUTPUTS): distances, certainty, shares."""
    writer = _HeadWriter()
    lateral = []
    for number, (name, layers) in enumerate(zip(backbone.maps, head.lateral, strict=True)):
        assert isinstance(layers, nn.Sequential)  # noqa: S101  # as the head is built
        convolution, norm = layers[0], layers[1]
        lateral.append(writer.folded(name, convolution, norm, f"head.lateral_{number}"))
    fine, middle, coarse = lateral
    coarse = writer.separable(coarse, head.deep, 0, "head.deep")
    middle = writer.separable(
        writer.plus_larger(middle, coarse, 1), head.smooth[0], 0, "head.smooth_1"
    )
    fine = writer.separable(writer.plus_larger(fine, middle, 0), head.smooth[1], 0, "head.smooth_0")
    middle = writer.separable(writer.plus_smaller(middle, fine, 1), head.down[0], 0, "head.down_1")
    coarse = writer.separable(
        writer.plus_smaller(coarse, middle, 2), head.down[1], 0, "head.down_2"
    )
    coarsest = writer.halved(coarse, "head.coarsest")
    rows = []
    for level, value in enumerate((fine, middle, coarse, coarsest)):
        aside = sure = value
        for depth, (sides_layer, sure_layer) in enumerate(
            zip(head.sides_tower, head.sure_tower, strict=True)
        ):
            aside = writer.separable(aside, sides_layer, level, f"head.sides_{level}_{depth}")
            sure = writer.separable(sure, sure_layer, level, f"head.sure_{level}_{depth}")
        assert head.sides.bias is not None and head.sure.bias is not None  # noqa: S101, PT018
        moved = head.sides.bias + head.scales[level]
        sides = writer.convolution(
            aside, _array(head.sides.weight), _array(moved), f"head.sides_{level}"
        )
        sure = writer.convolution(
            sure, _array(head.sure.weight), _array(head.sure.bias), f"head.certain_{level}"
        )
        sides = writer.node("Softplus", [sides], f"head.distances_{level}")
        both = writer.node("Concat", [sides, sure], f"head.both_{level}", axis=1)
        flat = writer.node(
            "Reshape",
            [both, writer.integers(f"head.flat_{level}.shape", 1, OUTPUTS, -1)],
            f"head.flat_{level}",
        )
        rows.append(writer.node("Transpose", [flat], f"head.rows_{level}", perm=[0, 2, 1]))
    every = writer.node("Concat", rows, "head.rows", axis=1)
    splits = writer.integers("head.splits", 4, 1, OUTPUTS - 5)
    parts = ["head.part_sides", "head.part_sure", "head.part_kinds"]
    writer.nodes.append(
        helper.make_node("Split", [every, splits], parts, name="head.split", axis=2)
    )
    certain = writer.node("Sigmoid", [parts[1]], "head.certainty")
    kinds = writer.node("Softmax", [parts[2]], "head.kinds", axis=2)
    writer.node("Concat", [parts[0], certain, kinds], "pieces", axis=2)
    model = onnx.ModelProto()
    model.CopyFrom(backbone.graph)
    model.graph.node.extend(writer.nodes)
    model.graph.initializer.extend(writer.constants)
    del model.graph.output[:]
    cells = sum((side_px // stride) ** 2 for stride in STRIDES)
    model.graph.output.append(
        helper.make_tensor_value_info("pieces", TensorProto.FLOAT, [1, cells, OUTPUTS])
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _HeadWriter(GraphWriter):
    """Writes the head's layers with their norms folded in."""

    def convolution(
        self, source: str, weight: NDArray[np.float32], bias: NDArray[np.float32], name: str,
        groups: int = 1,
    ) -> str:  # fmt: skip
        kernel = weight.shape[2]
        inputs = [
            source,
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", bias),
        ]
        return self.node(
            "Conv", inputs, name, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4, group=groups
        )

    def folded(self, source: str, layer: nn.Module, norm: nn.Module, name: str) -> str:
        """A convolution without bias, the norm behind it, and ReLU."""
        assert isinstance(layer, nn.Conv2d)  # noqa: S101  # as the head is built
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
        assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = layer.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        value = self.convolution(source, _array(weight), _array(bias), name)
        return self.node("Relu", [value], f"{name}.relu")

    def separable(self, source: str, layer: nn.Module, level: int, name: str) -> str:
        """A Separable with the norm of a level."""
        assert isinstance(layer, Separable)  # noqa: S101  # as the head is built
        weight = _array(layer.each.weight)
        none = np.zeros(len(weight), np.float32)
        value = self.convolution(source, weight, none, f"{name}.each", groups=len(weight))
        return self.folded(value, layer.across, layer.norms[level], name)

    def plus_larger(self, value: str, coarse: str, level: int) -> str:
        """A map with a coarser one, each of whose cells becomes four."""
        name = f"head.larger_{level}"
        scales = self.floats(f"{name}.scales", 1.0, 1.0, 2.0, 2.0)
        larger = self.node(
            "Resize", [coarse, "", scales], name, mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        return self.node("Add", [value, larger], f"{name}.sum")

    def plus_smaller(self, value: str, fine: str, level: int) -> str:
        """A map with a finer one, the largest of whose four cells counts."""
        name = f"head.smaller_{level}"
        return self.node("Add", [value, self.halved(fine, name)], f"{name}.sum")

    def halved(self, value: str, name: str) -> str:
        """The largest of four cells each."""
        return self.node("MaxPool", [value], name, kernel_shape=[2, 2], strides=[2, 2])


def _array(value: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(value.detach().numpy(), np.float32)
