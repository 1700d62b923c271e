"""Static int8 quantisation of an encoder's graph, calibrated on product images.

The convolutions and the sums between them become int8 (weights per channel, activations unsigned);
pooling, the colour part and the division by the length stay float: they are a hundredth of the
work, and cubes, roots and quotients do not survive 256 levels.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from tools.encoder_builder.networks import Block

QUANTISED_OPERATORS = ("Conv", "Add", "Clip")

_COLOUR_PREFIX = "colour."


class _Images:
    """Feeds images one by one to ONNX Runtime's calibration; it asks only for get_next."""

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._left: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        image = next(self._left, None)
        return None if image is None else {"image": image[None]}


def quantise(
    model: onnx.ModelProto,
    calibration: Sequence[NDArray[np.uint8]],
    *,
    float_blocks: Sequence[Block] = (),
) -> bytes:
    """The int8 graph of ``model``, whose ranges are the extremes seen over ``calibration``.

    Args:
        model: A float graph of :func:`tools.encoder_builder.graph.build_graph`.
        calibration: Preprocessed square images (side, side, 3) that may be used for what ships.
        float_blocks: Blocks of the network that stay float.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    layers = {layer.name for block in float_blocks for layer in block.layers}
    layers |= {f"{layer}.relu6" for layer in layers}
    kept = [
        node.name
        for node in model.graph.node
        if node.name in layers or node.name.startswith(_COLOUR_PREFIX)
    ]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(onnx.shape_inference.infer_shapes(model), source)
        quantize_static(
            source,
            target,
            _Images(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED_OPERATORS),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=kept,
        )
        return target.read_bytes()
