"""ONNX graphs of encoders (uint8 image in, unit vector out): export, surgery, int8 pixel stem."""

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from furniture_prompter.errors import DistillationError

OPSET = 18
"""Read by every ONNX Runtime that the package allows; newer ones give these graphs nothing."""

INPUT, OUTPUT = "image", "vector"

LARGEST_BYTES = 2_000_000_000
"""Of weights in one file: protobuf, which ONNX is written in, ends at 2 GiB."""

_EXPORT_ERRORS = (torch.onnx.OnnxExporterError, RuntimeError, ValueError)


def write_graph(network: nn.Module, side_px: int) -> onnx.ModelProto:
    """``network`` for any number of images, batch normalisation folded into the convolutions.

    The same network gives the same bytes under the same versions of torch and onnxscript; what
    the exporter notes of this machine (paths of source files) is left out.

    Args:
        network: ``forward`` takes uint8 (n, side_px, side_px, 3) and gives float (n, dimension).
            It stays as it is, on whatever device.
        side_px: Side of the square image.

    Raises:
        DistillationError: torch cannot export it (the message is the exporter's), or its weights
            are too large for one file.
    """
    weights_bytes = 4 * sum(part.numel() for part in network.parameters())
    if weights_bytes > LARGEST_BYTES:
        raise DistillationError(
            f"{type(network).__name__} has {weights_bytes / 1e9:.1f} GB of weights; one ONNX file "
            f"holds {LARGEST_BYTES / 1e9:.1f}. Serve it as it is, or export a smaller encoder."
        )
    frozen = copy.deepcopy(network).to("cpu", torch.float32).eval()
    images = torch.zeros(2, side_px, side_px, 3, dtype=torch.uint8)
    with _quiet_exporter(), torch.no_grad():
        try:
            program = torch.onnx.export(
                frozen,
                (images,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except _EXPORT_ERRORS as error:
            raise DistillationError(
                f"PyTorch {torch.__version__} cannot export {type(network).__name__} to ONNX: "
                f"{error}. Export a network whose forward takes uint8 images (n, {side_px}, "
                f"{side_px}, 3) and gives vectors (n, dimension)."
            ) from error
    if program is None:
        raise DistillationError("PyTorch exported nothing. Install torch and onnxscript again.")
    model: onnx.ModelProto = program.model_proto
    _forget_machine(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def graph_before(model: onnx.ModelProto, weight: str) -> onnx.ModelProto:
    """The part of a graph that ends with what one linear layer takes, a graph of its own.

    Args:
        model: A float graph of :func:`write_graph`; it stays as it is.
        weight: Name of that layer's weight, shape (outputs, inputs).

    Returns:
        A graph whose output ``vector`` is float (n, inputs).

    Raises:
        DistillationError: no linear layer has that weight.
    """
    layers = [
        node for node in model.graph.node if node.op_type == "Gemm" and weight in node.input[1:2]
    ]
    if len(layers) != 1:
        raise DistillationError(
            f"The exported graph has no linear layer {weight!r}: this version of torch or "
            "onnxscript writes it otherwise. Install those that constraints.txt names."
        )
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    graph = cut.graph
    wanted, kept = {layers[0].input[0]}, []
    # Nodes come in the order of computation, so one walk back finds all that is needed.
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    for node in kept:
        node.output[:] = [OUTPUT if name == layers[0].input[0] else name for name in node.output]
    width = _values_of(graph, weight).shape[1]
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["batch", width])
    )
    del graph.value_info[:]
    _drop_unused(graph)
    onnx.checker.check_model(cut, full_check=True)
    return cut


def set_values(model: onnx.ModelProto, values: Mapping[str, NDArray[np.float32]]) -> None:
    """Replace tensors of a graph by others of their shapes, in place.

    Args:
        model: A float graph of :func:`write_graph`.
        values: Name of a parameter → float32, of its shape.

    Raises:
        DistillationError: the graph has no such tensor, or one of another shape.
    """
    for name, value in values.items():
        if _values_of(model.graph, name).shape != value.shape:
            raise DistillationError(f"{name} of the exported graph has another shape.")
        for tensor in model.graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), name))


def _values_of(graph: onnx.GraphProto, name: str) -> NDArray[np.float32]:
    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor))
    raise DistillationError(f"The exported graph has no tensor {name!r}.")


_CHATTY = (
    # That torchvision's operators, which no network here uses, are not registered.
    "torch.onnx._internal.exporter._registration",
    # Each operator of several outputs that it leaves in the graph.
    "onnxscript.optimizer._constant_folding",
)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without three remarks of the exporter that nobody can act on."""
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch's own export copies a class that torch itself calls deprecated.
            warnings.filterwarnings(
                "ignore", message=r".*LeafSpec.*is deprecated", category=FutureWarning
            )
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _forget_machine(model: onnx.ModelProto) -> None:
    """Drop names of classes and source files, which say where the export ran and weigh much."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    graph.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]


PIXELS = "pixels_less_zero_point"
"""Name of the tensor that is quantised with scale 1."""

_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class PixelStem:
    """A float graph whose first convolution takes bytes less a zero point.

    Attributes:
        model: The graph.
        zero_point: What was taken away: quantise ``PIXELS`` with scale 1 and this, and what it is
            made of is the image's own bytes.
        convolution: Name of that convolution, as in the graph before.
    """

    model: onnx.ModelProto
    zero_point: int
    convolution: str


@dataclass(frozen=True, slots=True)
class _Window:
    """How a kernel moves: strides down and across; pads above, left, below, right."""

    strides: tuple[int, ...]
    pads: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Stem:
    """What was found at the graph's beginning."""

    nodes: list[onnx.NodeProto]
    convolution: onnx.NodeProto
    window: _Window
    mean: NDArray[np.float64]
    factor: NDArray[np.float64]
    side_px: int


def with_pixel_stem(model: onnx.ModelProto) -> PixelStem | None:
    """The graph with scaling folded into its first convolution; None where it begins otherwise.

    Args:
        model: A float graph of ``onnx_graph.write_graph``; it stays
            as it is.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    stem = _find(graph)
    if stem is None:
        return None
    arrays = {each.name: each for each in graph.initializer}
    weight = numpy_helper.to_array(arrays[stem.convolution.input[1]]).astype(np.float64)
    _, weight_name, *bias_name = stem.convolution.input
    bias = numpy_helper.to_array(arrays[bias_name[0]]) if bias_name else np.zeros(len(weight))
    zero_point = round(float(stem.mean.mean()))
    scaled = weight * stem.factor[np.newaxis, :, np.newaxis, np.newaxis]
    # (x - mean) f = (x - z) f + (z - mean) f, whose second part is the same everywhere.
    moved = bias + (scaled * (zero_point - stem.mean)[np.newaxis, :, np.newaxis, np.newaxis]).sum(
        axis=(1, 2, 3)
    )
    window, source = stem.window, INPUT
    laying: list[onnx.NodeProto] = []
    square = weight.shape[2] == weight.shape[3] and len(set(window.pads)) == 1
    if window.strides == (2, 2) and square and stem.side_px % 2 == 0:
        laying, source = _laid_in_twos(graph, stem.side_px)
        scaled, window = _cut_up(scaled, window.pads[0])
    zero = _constant(graph, "pixel_zero_point", np.array(zero_point, np.float32))
    nodes = [
        *laying,
        helper.make_node(
            "Transpose", [source], ["pixel_planes"], "pixel_planes", perm=[0, 3, 1, 2]
        ),
        helper.make_node(
            "Cast", ["pixel_planes"], ["pixel_values"], "pixel_values", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node("Sub", ["pixel_values", zero], [PIXELS], PIXELS),
    ]
    arrays[weight_name].CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), weight_name))
    new = helper.make_node(
        "Conv",
        [PIXELS, weight_name, _constant(graph, "pixel_bias", moved.astype(np.float32))],
        list(stem.convolution.output),
        stem.convolution.name,
        kernel_shape=scaled.shape[2:],
        strides=window.strides,
        pads=window.pads,
    )
    gone = {name for node in (*stem.nodes, stem.convolution) for name in node.output}
    kept = [node for node in graph.node if not gone & set(node.output)]
    del graph.node[:]
    graph.node.extend([*nodes, new, *kept])
    _drop_unused(graph)
    # Shapes of what is gone would contradict what took its place.
    del graph.value_info[:]
    onnx.checker.check_model(changed, full_check=True)
    return PixelStem(changed, zero_point, stem.convolution.name)


def feed_bytes(quantised: onnx.ModelProto) -> None:
    """Take the way from bytes to floats and back out of a quantised graph, in place.

    Args:
        quantised: Made of a :class:`PixelStem`'s graph, ``PIXELS`` quantised with scale 1 and its
            zero point.
    """
    graph = quantised.graph
    (quantiser,) = (
        node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == PIXELS
    )
    gone = {PIXELS, "pixel_values"}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == quantiser.output[0]:
                node.input[place] = "pixel_planes"
    kept = [node for node in graph.node if node is not quantiser and not gone & set(node.output)]
    del graph.node[:]
    graph.node.extend(kept)
    shapes = [each for each in graph.value_info if each.name not in {*gone, *quantiser.output}]
    del graph.value_info[:]
    graph.value_info.extend(shapes)
    onnx.checker.check_model(quantised, full_check=True)


def _find(graph: onnx.GraphProto) -> _Stem | None:
    """Image → Transpose and Cast → Sub → Mul → the only Conv that takes it."""
    arrays = {each.name: each for each in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    users: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            users[name] = users.get(name, 0) + 1
    for convolution in graph.node:
        window = _window_of(convolution) if convolution.op_type == "Conv" else None
        if window is None:
            continue
        nodes, name = [], convolution.input[0]
        while name in makers and len(makers[name].input) <= 2:
            nodes.append(makers[name])
            name = nodes[-1].input[0]
        kinds = [node.op_type for node in nodes]
        scaling = kinds[:2] == ["Mul", "Sub"] and sorted(kinds[2:]) == ["Cast", "Transpose"]
        if not scaling or name != INPUT or any(users[each.output[0]] > 1 for each in nodes):
            continue
        (shape,) = (each.type.tensor_type.shape for each in graph.input if each.name == INPUT)
        factor, mean = (
            numpy_helper.to_array(arrays[node.input[1]]).astype(np.float64).reshape(-1)
            for node in nodes[:2]
        )
        if len(mean) == len(factor) == _CHANNELS:
            side_px = shape.dim[1].dim_value
            return _Stem(nodes, convolution, window, mean, factor, side_px)
    return None


def _window_of(convolution: onnx.NodeProto) -> _Window | None:
    """None for a convolution with gaps in its kernel, or in groups."""
    given = {each.name: helper.get_attribute_value(each) for each in convolution.attribute}
    plain = set(given.get("dilations", [1])) == {1} and given.get("group", 1) == 1
    if not plain or given.get("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    return _Window(tuple(given.get("strides", [1, 1])), tuple(given.get("pads", [0, 0, 0, 0])))


def _laid_in_twos(graph: onnx.GraphProto, side_px: int) -> tuple[list[onnx.NodeProto], str]:
    """Bytes (n, side, side, 3) as (n, side / 2, side / 2, 12): the nodes, and what they give."""
    half, two = side_px // 2, 2 * _CHANNELS
    split = _constant(graph, "pixel_twos", np.array([-1, half, 2, half, two], np.int64))
    joined = _constant(graph, "pixel_fours", np.array([-1, half, half, 2 * two], np.int64))
    names = ("pixels_split", "pixels_laid", "pixels_in_twos")
    return [
        helper.make_node("Reshape", [INPUT, split], [names[0]], names[0]),
        helper.make_node("Transpose", [names[0]], [names[1]], names[1], perm=[0, 1, 3, 2, 4]),
        helper.make_node("Reshape", [names[1], joined], [names[2]], names[2]),
    ], names[2]


def _cut_up(weight: NDArray[np.float64], pad: int) -> tuple[NDArray[np.float64], _Window]:
    """A kernel of stride 2 for pixels laid in twos: what it took at 2 q + r is at q, part r."""
    outside, channels, size, _ = weight.shape
    first, last = -pad // 2, (size - 1 - pad) // 2
    taps = last - first + 1
    cut = np.zeros((outside, 2, 2, channels, taps, taps))
    for row, column in np.ndindex(size, size):
        (down, below), (right, beside) = divmod(row - pad, 2), divmod(column - pad, 2)
        cut[:, below, beside, :, down - first, right - first] = weight[:, :, row, column]
    # As many places as before: (side + 2 pad - size) // 2 + 1 for an even side.
    after = (2 * pad - size) // 2 + first + taps
    pads = (-first, -first, after, after)
    return cut.reshape(outside, 4 * channels, taps, taps), _Window((1, 1), pads)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _constant(graph: onnx.GraphProto, name: str, value: NDArray[np.generic]) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name
