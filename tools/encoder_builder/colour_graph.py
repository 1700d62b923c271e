"""The colour part (see :mod:`tools.encoder_builder.colour`) as ONNX nodes."""

import numpy as np
from numpy.typing import NDArray

from tools.encoder_builder import colour
from tools.encoder_builder.graph_writer import GraphWriter


def write_colour(writer: GraphWriter, planes: str, side_px: int) -> tuple[str, int]:
    """Add the nodes from float planes (batch, 3, side, side), 0 to 255, to unit rows.

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
