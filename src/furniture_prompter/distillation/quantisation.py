"""Static int8 quantisation of an exported graph, for ONNX Runtime, calibrated on photos.

Convolutions, the sums between them and the head become int8: weights signed and per output
channel, activations unsigned with a range per tensor, the extremes seen while calibrating. ReLU
disappears into the range of what comes before it. Scaling of pixels, pooling and unit length stay
float: they are a hundredth of the work, and means and quotients do not survive 256 levels.
"""

import importlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import onnx

from furniture_prompter.distillation.graph import INPUT
from furniture_prompter.domain.images import RgbImage
from furniture_prompter.errors import DistillationError

QUANTISED_OPERATORS = ("Conv", "Add", "Clip", "Relu", "MaxPool", "Gemm")

_ACTIVATIONS = frozenset({"Clip", "Relu"})
_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


class _Images:
    """Feeds images one by one to ONNX Runtime's calibration; it asks only for get_next."""

    def __init__(self, images: Sequence[RgbImage]) -> None:
        self._left: Iterator[RgbImage] = iter(images)

    def get_next(self) -> dict[str, RgbImage] | None:
        image = next(self._left, None)
        return None if image is None else {INPUT: image[None]}


def quantise(
    model: onnx.ModelProto, calibration: Sequence[RgbImage], *, float_convolutions: int = 0
) -> onnx.ModelProto:
    """The int8 graph of ``model``; ``model`` stays as it is.

    Args:
        model: A float graph of :func:`~furniture_prompter.distillation.graph.write_graph`.
        calibration: Preprocessed square images (side, side, 3).
        float_convolutions: So many convolutions from the first stay float, with their ReLU.

    Raises:
        DistillationError: no images, or a graph without a convolution that could become int8.
    """
    if not len(calibration):
        raise DistillationError("int8 needs photos to calibrate on. Give some, or export fp32.")
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    if len(convolutions) <= float_convolutions:
        raise DistillationError(
            f"int8 has nothing to gain: the graph has {len(convolutions)} convolutions, of which "
            f"{float_convolutions} stay float. Export fp32."
        )
    runtime = _quantisers()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(_prepared(model), source)
        runtime.quantize_static(
            source,
            target,
            _Images(calibration),
            quant_format=runtime.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED_OPERATORS),
            per_channel=True,
            weight_type=runtime.QuantType.QInt8,
            activation_type=runtime.QuantType.QUInt8,
            calibrate_method=runtime.CalibrationMethod.MinMax,
            nodes_to_exclude=_kept_float(model, float_convolutions),
            # The head's sums become the vector: they keep every digit.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        quantised = onnx.load(target)
    del quantised.metadata_props[:]
    return quantised


def _quantisers() -> ModuleType:
    # By name: it belongs to what runs encoders, and exists only beside onnx, which an extra brings.
    return importlib.import_module("onnxruntime.quantization")


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """With every shape known, and marked so: ONNX Runtime otherwise advises to do just that."""
    prepared = onnx.shape_inference.infer_shapes(model)
    key, value = _PREPARED
    prepared.metadata_props.add(key=key, value=value)
    return prepared


def _kept_float(model: onnx.ModelProto, convolutions: int) -> list[str]:
    """Names of the first convolutions and of all that lies before the next one.

    The graph is in the order of computation, so a stem is named before the blocks behind it. The
    clip at the end, of the vector's length, is no activation of a layer and is kept too.
    """
    kept, passed = [], 0
    for node in model.graph.node:
        passed += node.op_type == "Conv"
        if passed <= convolutions:
            kept.append(node.name)
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        source = made_by.get(node.input[0]) if node.input else None
        layer = source is not None and source.op_type in {"Conv", "Add"}
        if node.op_type in _ACTIVATIONS and not layer:
            kept.append(node.name)
    return kept
