"""ONNX graph of the default encoder: uint8 image in, unit vector out.

Written node by node, not traced: padding stays inside the convolutions, every layer keeps its
name through quantisation, and the same network gives the same bytes whatever exporter is installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from furniture_prompter.domain.catalog import Projection
from tools.encoder_builder import colour
from tools.encoder_builder.networks import Convolution, Network

OPSET = 17
IR_VERSION = 9
"""Read by every ONNX Runtime since 1.16."""

_SMALLEST_LENGTH = 1e-6


Pooling = Literal["mean", "max", "gem3"]


@dataclass(frozen=True, slots=True)
class Head:
    """From the last feature map to the vector.

    Attributes:
        pooling: How the map becomes one value a channel; the result is brought to unit length.
        body_pooling: The same of the map before the last block, which is joined to it; None leaves
            it out.
        colour_weight: Length of the colour part joined to them; 0 leaves it out.
    """

    pooling: Pooling = "mean"
    body_pooling: Pooling | None = None
    colour_weight: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class PartAxes:
    """Axes that a vector's two parts are expressed in: shape first, colour behind it.

    Attributes:
        shape: Of the joined maps, as unit rows.
        colour: Of the colour part, shape (colours, components).
        colour_share: What the colour adds to the cosine of a vector with itself, 0 to 1.
    """

    shape: Projection
    colour: NDArray[np.float32]
    colour_share: float

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return int(self.shape.axes.shape[1] + self.colour.shape[1])

    def of(self, maps: NDArray[np.floating], colours: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit rows (n, dimension) of joined maps (n, width) and of colour parts (n, colours)."""
        shape = self.shape.of(maps / np.linalg.norm(maps, axis=1, keepdims=True))
        colour_rows = colours.astype(np.float64) @ self.colour
        colour_rows /= np.linalg.norm(colour_rows, axis=1, keepdims=True)
        share = self.colour_share
        return np.hstack([np.sqrt(1 - share) * shape, np.sqrt(share) * colour_rows])


@dataclass(slots=True)
class GraphWriter:
    """Collects nodes and constants of one graph."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node named after its output and return that name."""
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=output, **attributes)
        )
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, name: str, *values: float) -> str:
        """Add a float32 constant: a scalar for one value, else a vector."""
        return self.constant(name, np.array(values[0] if len(values) == 1 else values, np.float32))

    def integers(self, name: str, *values: int) -> str:
        """Add an int64 vector."""
        return self.constant(name, np.array(values, np.int64))


def paddings(side: int, kernel: int, stride: int, padding: str) -> tuple[list[int], int]:
    """ONNX pads [top, left, bottom, right] of a convolution, and the side it gives."""
    if padding == "symmetric":
        half = kernel // 2
        return [half] * 4, (side + 2 * half - kernel) // stride + 1
    out = -(-side // stride)
    total = max(0, (out - 1) * stride + kernel - side)
    before = total // 2
    return [before, before, total - before, total - before], out


def write_convolution(
    writer: GraphWriter, layer: Convolution, source: str, side: int, padding: str
) -> tuple[str, int]:
    """Add a convolution and its ReLU6, if any, behind a map of a side: its name and its side."""
    kernel = layer.weight.shape[2]
    pads, out_side = paddings(side, kernel, layer.stride, padding)
    weight = writer.constant(f"{layer.name}.weight", layer.weight)
    bias = writer.constant(f"{layer.name}.bias", layer.bias)
    output = writer.node(
        "Conv",
        [source, weight, bias],
        layer.name,
        kernel_shape=[kernel, kernel],
        strides=[layer.stride] * 2,
        group=layer.groups,
        pads=pads,
    )
    if layer.clipped:
        output = writer.node("Clip", [output, "zero", "six"], f"{layer.name}.relu6")
    return output, out_side


def _pooled(writer: GraphWriter, source: str, pooling: Pooling, name: str) -> str:
    if pooling == "gem3":
        # Generalised mean (Radenovic et al., TPAMI 2019): cube, average, cube root.
        floored = writer.node("Max", [source, "smallest_length"], f"{name}.floored")
        cubed = writer.node("Pow", [floored, writer.floats(f"{name}.power", 3.0)], f"{name}.cubed")
        pooled = writer.node("GlobalAveragePool", [cubed], f"{name}.mean")
        root = writer.floats(f"{name}.root", 1 / 3)
        pooled = writer.node("Pow", [pooled, root], f"{name}.pooled")
    else:
        operator = "GlobalAveragePool" if pooling == "mean" else "GlobalMaxPool"
        pooled = writer.node(operator, [source], f"{name}.pooled")
    return writer.node("Flatten", [pooled], f"{name}.flat", axis=1)


def unit(writer: GraphWriter, source: str, output: str) -> str:
    """Divide rows by their length; a row of zeros stays one."""
    length = writer.node("ReduceL2", [source], f"{output}.length", axes=[1], keepdims=1)
    positive = writer.node("Max", [length, "smallest_length"], f"{output}.positive_length")
    return writer.node("Div", [source, positive], output)


def build_graph(
    network: Network, side_px: int, head: Head, axes: PartAxes | None = None
) -> onnx.ModelProto:
    """The encoder as one checked ONNX model.

    Its input ``image`` is uint8 (batch, side_px, side_px, 3), sRGB; its output ``vector`` is
    float32 (batch, dimension) with rows of length 1.

    Args:
        network: Its layers.
        side_px: Side of the image.
        head: What becomes of the maps.
        axes: Fitted on vectors of the graph without them; the head's colour weight says nothing
            then but that there is a colour part. None leaves vectors as they are.
    """
    writer = GraphWriter()
    writer.floats("zero", 0.0)
    writer.floats("six", 6.0)
    writer.floats("smallest_length", _SMALLEST_LENGTH)
    pixels = writer.node("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    planes = writer.node("Transpose", [pixels], "planes", perm=[0, 3, 1, 2])
    mean = writer.constant("mean", np.array(network.mean, np.float32).reshape(1, 3, 1, 1))
    factor = 1 / np.array(network.scale, np.float32).reshape(1, 3, 1, 1)
    centred = writer.node("Sub", [planes, mean], "centred")
    value = writer.node("Mul", [centred, writer.constant("factor", factor)], "normalised")
    side = side_px
    entry = value
    for index, block in enumerate(network.blocks):
        entry = value
        for layer in block.layers:
            value, side = write_convolution(writer, layer, value, side, network.padding)
        if block.residual:
            value = writer.node("Add", [entry, value], f"block_{index}.sum")
    parts = [unit(writer, _pooled(writer, value, head.pooling, "likeness"), "likeness.unit")]
    dimension = network.width
    if head.body_pooling is not None:
        # `entry` is what the last block took.
        body = _pooled(writer, entry, head.body_pooling, "body")
        parts.insert(0, unit(writer, body, "body.unit"))
        dimension += network.body_width
    if head.colour_weight > 0:
        shares, colours = write_colour(writer, planes, side_px)
    if axes is not None:
        vector = _along_axes(writer, parts, shares, axes)
        dimension = axes.dimension
    else:
        if head.colour_weight > 0:
            weight = writer.floats("colour_weight", head.colour_weight)
            parts.append(writer.node("Mul", [shares, weight], "colour.weighted_part"))
            dimension += colours
        vector = unit(writer, writer.node("Concat", parts, "joined", axis=1), "vector")
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", side_px, side_px, 3])],
        [helper.make_tensor_value_info(vector, TensorProto.FLOAT, ["batch", dimension])],
        writer.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="furniture-prompter",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _along_axes(writer: GraphWriter, maps: Sequence[str], shares: str, axes: PartAxes) -> str:
    """Both parts along their axes, each at its own length: the vector's name."""
    joined = unit(
        writer, writer.node("Concat", maps, "projection.maps", axis=1), "projection.maps.unit"
    )
    # Half the bytes of what were a third of the file; ONNX Runtime widens them once, on loading.
    halves = writer.constant("projection.axes", axes.shape.axes.astype(np.float16))
    weights = writer.node("Cast", [halves], "projection.axes.float", to=TensorProto.FLOAT)
    offset = writer.constant("projection.offset", axes.shape.offset)
    shape = unit(
        writer,
        writer.node("Gemm", [joined, weights, offset], "projection.shape"),
        "projection.shape.unit",
    )
    colour_axes = writer.constant("projection.colour_axes", axes.colour)
    hues = unit(
        writer,
        writer.node("MatMul", [shares, colour_axes], "projection.colour"),
        "projection.colour.unit",
    )
    lengths = np.sqrt([1 - axes.colour_share, axes.colour_share])
    scaled = [
        writer.node(
            "Mul", [part, writer.floats(f"{part}.scale", float(length))], f"{part}.at_length"
        )
        for part, length in zip((shape, hues), lengths, strict=True)
    ]
    return writer.node("Concat", scaled, "vector", axis=1)


def write_colour(writer: GraphWriter, planes: str, side_px: int) -> tuple[str, int]:
    """Add the colour part: float planes (batch, 3, side, side), 0 to 255, to unit rows.

    Returns the output's name and its dimension.

    Raises:
        ValueError: ``side_px`` is no multiple of the number of cells.
    """
    if side_px % colour.CELLS:
        raise ValueError(f"The colour part needs a side that {colour.CELLS} divides: {side_px}.")
    cell = side_px // colour.CELLS
    palette = colour.palette()
    cells = writer.node(
        "AveragePool", [planes], "colour.cells", kernel_shape=[cell, cell], strides=[cell, cell]
    )
    share = writer.node("Mul", [cells, writer.floats("colour.range", 1 / 255)], "colour.rgb")
    linear = writer.node("Pow", [share, writer.floats("colour.gamma", colour.GAMMA)], "colour.lin")
    xyz = _mix(writer, linear, "colour.xyz", colour.TO_XYZ, np.zeros(3))
    floor = writer.floats("colour.least_xyz", colour.LEAST_XYZ)
    positive = writer.node("Max", [xyz, floor], "colour.positive_xyz")
    roots = writer.node("Pow", [positive, writer.floats("colour.third", 1 / 3)], "colour.roots")
    lab = _mix(writer, roots, "colour.lab", colour.TO_LAB, colour.LAB_OFFSET)
    # One row a cell from here on: softmax along the last axis is several times faster.
    rows_shape = writer.integers("colour.rows_shape", 0, 3, colour.CELLS**2)
    columns = writer.node("Reshape", [lab, rows_shape], "colour.columns")
    rows = writer.node("Transpose", [columns], "colour.rows", perm=[0, 2, 1])
    # softmax over c of -|x - c|^2 / 2 = softmax of x.c - |c|^2 / 2, in units of the votes' width.
    width = np.array([colour.LIGHTNESS_WIDTH, colour.CHROMA_WIDTH, colour.CHROMA_WIDTH])
    scaled = palette / width
    products = writer.node(
        "MatMul",
        [rows, writer.constant("colour.palette", (scaled / width).T.astype(np.float32))],
        "colour.products",
    )
    offsets = -(scaled**2).sum(axis=1) / 2
    logits = writer.node(
        "Add",
        [products, writer.constant("colour.offsets", offsets.astype(np.float32))],
        "colour.logits",
    )
    votes = writer.node("Softmax", [logits], "colour.votes", axis=2)
    ramp = _mix(
        writer,
        lab,
        "colour.ramp",
        np.array([[-1 / colour.WHITE_RAMP, 0.0, 0.0]]),
        np.array([colour.WHITE_LIGHTNESS / colour.WHITE_RAMP]),
    )
    least = writer.floats("colour.least_weight", colour.LEAST_WEIGHT)
    weight = writer.node("Clip", [ramp, least, writer.floats("colour.one", 1.0)], "colour.weight")
    row_shape = writer.integers("colour.weight_shape", 0, 1, colour.CELLS**2)
    weight_row = writer.node("Reshape", [weight, row_shape], "colour.weight_row")
    counts = writer.node("MatMul", [weight_row, votes], "colour.counts")
    last = writer.integers("colour.last_axis", 2)
    total = writer.node("ReduceSum", [weight_row, last], "colour.total", keepdims=1)
    shares = writer.node("Div", [counts, total], "colour.shares")
    root = writer.node("Sqrt", [shares], "colour.root")
    return writer.node("Flatten", [root], "colour.part", axis=1), len(palette)


def _mix(
    writer: GraphWriter,
    source: str,
    name: str,
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> str:
    """The same affine map at every cell: a convolution of kernel 1."""
    weight = writer.constant(f"{name}.weight", matrix.astype(np.float32)[:, :, None, None])
    bias = writer.constant(f"{name}.bias", offset.astype(np.float32))
    return writer.node("Conv", [source, weight, bias], name, kernel_shape=[1, 1])
