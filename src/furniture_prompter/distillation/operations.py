"""Multiply-adds and parameters of PyTorch modules and ONNX graphs, for one image."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import shape_inference
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from furniture_prompter.errors import DistillationError

if TYPE_CHECKING:
    from furniture_prompter.encoders.protocols import Encoder

_CONVOLUTIONS: Final = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Operator → place of the weights among its inputs."""
_PRODUCTS: Final = {"MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}
"""Operator → places of the two factors."""
_UNCOUNTED: Final = {
    *("Attention", "ConvTranspose", "DeformConv", "Einsum", "GRU", "LSTM", "RNN"),
    *("If", "Loop", "Scan"),
}
"""Operators that multiply, or hold others that may, and are not counted here."""

_STANDARD: Final = ("", "ai.onnx")


def multiply_adds_of_module(module: nn.Module, images: torch.Tensor) -> int:
    """Multiply-adds of a network's convolutions and matrix products, as PyTorch counts them.

    Args:
        module: Run once, in evaluation mode, without gradients.
        images: What it takes; the count is for all of them together.
    """
    trained = module.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(images)
    module.train(trained)
    # PyTorch counts a multiplication and an addition as two.
    return int(counter.get_total_flops()) // 2


def multiply_adds_of_graph(file: Path) -> int | None:
    """Multiply-adds of an ONNX file's convolutions and matrix products for one image.

    An operator works as many multiply-adds as it has outputs, times the values that each output is
    a sum of. Float and quantised operators count alike; biases, norms and pooling do not count, as
    in :func:`multiply_adds_of_module`.

    Returns:
        None where an operator multiplies in a way that is not counted here, or its sizes are not in
        the file.

    Raises:
        DistillationError: it is no ONNX file.
    """
    model = _for_one_image(_read(file))
    shapes = _shapes(model)
    total = 0
    for node in model.graph.node:
        kind = node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"
        if kind in _UNCOUNTED:
            return None
        if kind in _CONVOLUTIONS:
            weights = shapes.get(node.input[_CONVOLUTIONS[kind]])
            # Output channels, input channels of a group, height and width of the window.
            summed = weights[1:] if weights is not None else None
        elif kind in _PRODUCTS:
            left = shapes.get(node.input[_PRODUCTS[kind][0]])
            summed = left[-1:] if left is not None else None
        elif kind == "Gemm":
            left = shapes.get(node.input[0])
            turned = any(each.name == "transA" and each.i for each in node.attribute)
            summed = None if left is None else left[:1] if turned else left[1:]
        elif node.domain in _STANDARD:
            continue
        else:
            return None
        given = shapes.get(node.output[0])
        if given is None or summed is None:
            return None
        total += math.prod(given) * math.prod(summed)
    return total


def parameters_of_graph(file: Path) -> int:
    """Trained numbers in an ONNX file: its tensors, less scales, zero points and whole numbers.

    Raises:
        DistillationError: it is no ONNX file.
    """
    graph = _read(file).graph
    scaling = {
        name
        for node in graph.node
        if node.op_type in {"QuantizeLinear", "DequantizeLinear"}
        for name in node.input[1:]
    }
    trained = {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.INT8,
        onnx.TensorProto.UINT8,
    }
    # A quantised layer's bias is int32, and is fed through a DequantizeLinear; sizes and axes,
    # which are whole numbers too, are not.
    dequantised = {node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return sum(
        math.prod(each.dims)
        for each in graph.initializer
        if each.dims
        and each.name not in scaling
        and (each.data_type in trained or each.name in dequantised)
    )


def multiply_adds_of_encoder(encoder: "Encoder", folder: Path) -> int | None:
    """Multiply-adds of an encoder for one image; None where nothing can count them.

    Args:
        encoder: Loaded.
        folder: Where its card lies.

    Raises:
        DistillationError: the weights of an ONNX encoder are no ONNX file.
    """
    card = encoder.card
    if card.runtime == "onnx":
        return multiply_adds_of_graph(folder / card.weights_file)
    network = getattr(encoder, "image_network", None)
    side = card.input_side_px
    if not isinstance(network, nn.Module) or side is None:
        return None
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    square = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=device)
    return multiply_adds_of_module(network, square)


def _read(file: Path) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.load_model_from_string(file.read_bytes())
    except OSError as error:
        raise DistillationError(f"Cannot read {file}: {error.strerror}. Check the path.") from error
    except DecodeError as error:
        raise DistillationError(f"{file} is no ONNX file. Export the encoder again.") from error
    if not model.graph.node:
        raise DistillationError(f"{file} is no ONNX file. Export the encoder again.")
    return model


def _for_one_image(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with every size that was left open set to 1, which is the batch's alone."""
    del model.graph.value_info[:]
    for each in (*model.graph.input, *model.graph.output):
        for size in each.type.tensor_type.shape.dim:
            if not size.HasField("dim_value"):
                size.dim_value = 1
    inferred: onnx.ModelProto = shape_inference.infer_shapes(model, data_prop=True)
    return inferred


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Name → shape, of all whose sizes are known."""
    found = {each.name: tuple(each.dims) for each in model.graph.initializer}
    for each in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        sizes = each.type.tensor_type.shape.dim
        if all(size.HasField("dim_value") for size in sizes):
            found[each.name] = tuple(size.dim_value for size in sizes)
    return found
