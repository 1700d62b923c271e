"""Export of a PyTorch network as an encoder folder: ONNX graph, int8, parity gates, card.

A convolutional network in int8: convolutions, the sums between them and the head, weights signed,
of seven bits and per output channel, activations unsigned with a range per tensor, the extremes
seen while calibrating. ReLU disappears into the range of what comes before it. A first convolution
takes the pixels' own bytes (:mod:`~furniture_prompter.distillation.onnx_graph`). Pooling and unit
length stay float: they are a hundredth of the work, and means and quotients do not survive 256
levels.

A transformer in int8: its activations have outliers that one range per tensor cannot hold (Dettmers
et al., "LLM.int8()", NeurIPS 2022). Its weight matrices become int8 in blocks of 32, each with a
scale of its own, and ONNX Runtime brings the activations to int8 in such blocks while it
multiplies.
"""

import hashlib
import importlib
import inspect
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from furniture_prompter.distillation.networks.student import parameter_count
from furniture_prompter.distillation.onnx_graph import (
    INPUT,
    PIXELS,
    PixelStem,
    feed_bytes,
    with_pixel_stem,
    write_graph,
)
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import (
    CARD_FILE,
    ColourPart,
    EmbeddingSpace,
    EncoderCard,
    Preprocessing,
)
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import DistillationError

WEIGHTS_FILE = "encoder.onnx"
LEAST_CALIBRATION_IMAGES = 8
LEAST_HELD_OUT_IMAGES = 4
PARITY_IMAGES = 16

_DIGITS = 6
_PATCH_PX = 16

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFields:
    """What the card says that the network does not; see :class:`EncoderCard` for each."""

    name: str
    licence: str
    source: str
    description: str
    source_sha256: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    space: EmbeddingSpace | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    encodes_prompts: bool = False
    colour: ColourPart | None = None


def export_encoder(
    network: nn.Module,
    folder: Path,
    *,
    identity: CardFields,
    preprocessing: Preprocessing,
    precision: Precision,
    calibration: Sequence[RgbImage] = (),
    held_out: Sequence[RgbImage] = (),
    graph: onnx.ModelProto | None = None,
) -> EncoderCard:
    """Write ``network`` as an encoder that needs no PyTorch: a graph and its card.

    Nothing is written unless every gate is passed. A new folder appears whole; in one that is
    there already only the two files are replaced, the card last, and others stay.

    Args:
        network: ``forward`` takes uint8 (n, side, side, 3) and gives unit rows (n, dimension). Its
            attribute ``float_layers``, if any, holds the starts of the names of layers that stay
            float in int8.
        folder: Where it goes; its parents are made.
        identity: What the card says beyond what is measured here.
        preprocessing: How photos become the network's images.
        precision: "fp32", or "int8" for a third of the time and a quarter of the size.
        calibration: Images of any size whose ranges int8 is made for; must be free to use so.
        held_out: Images that int8 is compared on; none of them calibrated on.
        graph: Its float graph, where that is written already; the gates hold it to ``network``.

    Returns:
        The card as written, whose figures tell the cosines of the gates.

    Raises:
        DistillationError: a gate failed, images are lacking, or the network cannot be exported.
        EncoderDamagedError: ONNX Runtime cannot run the graph.
    """
    if precision == "int8":
        _require_images(calibration, held_out)
    parameters = parameter_count(network)
    graph = graph or write_graph(network, preprocessing.side_px)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".exporting-") as work:
        built = Path(work, "fp32")
        encoder = open_graph(built, graph, parameters, identity, preprocessing)
        squares = _parity_squares([*held_out[:PARITY_IMAGES], *calibration], preprocessing)
        exported = parity(_vectors(network, squares), encoder.encode(squares))
        require_export(exported)
        figures = {**identity.figures, "export_least_cosine": round(exported.least, _DIGITS)}
        if precision == "int8":
            exact = encoder
            ranges = [preprocess(image, preprocessing) for image in calibration]
            kept = tuple(getattr(network, "float_layers", ()))
            built = Path(work, "int8")
            small = quantise(graph, ranges, float_layers=kept)
            encoder = open_graph(built, small, parameters, identity, preprocessing)
            moved = parity(exact.encode(held_out), encoder.encode(held_out))
            require_int8(moved)
            figures["int8_mean_cosine"] = round(moved.mean, _DIGITS)
            figures["int8_least_cosine"] = round(moved.least, _DIGITS)
        card = replace(encoder.card, figures=figures)
        card.save(built)
        put_in_place(built, folder)
    return card


def _require_images(calibration: Sequence[RgbImage], held_out: Sequence[RgbImage]) -> None:
    for images, least, purpose in (
        (calibration, LEAST_CALIBRATION_IMAGES, "to calibrate on"),
        (held_out, LEAST_HELD_OUT_IMAGES, "to be compared on"),
    ):
        if len(images) < least:
            raise DistillationError(
                f"int8 needs at least {least} photos {purpose}, not {len(images)}. "
                "Give more, or export fp32."
            )


def open_graph(
    folder: Path,
    graph: onnx.ModelProto,
    parameters: int,
    identity: CardFields,
    preprocessing: Preprocessing,
) -> OnnxEncoder:
    """Write a graph and its card into a new folder, and load them as a user would.

    Args:
        folder: Made.
        graph: uint8 (n, side, side, 3) to unit rows (n, dimension).
        parameters: Trained numbers of the network it was written from.
        identity: What the card says beyond that.
        preprocessing: How photos become the network's images.

    Raises:
        EncoderDamagedError: ONNX Runtime cannot run the graph.
    """
    weights = graph.SerializeToString(deterministic=True)
    folder.mkdir()
    (folder / WEIGHTS_FILE).write_bytes(weights)
    (vector,) = graph.graph.output
    EncoderCard(
        name=identity.name,
        kind="image",
        dimension=vector.type.tensor_type.shape.dim[1].dim_value,
        preprocessing=preprocessing,
        licence=identity.licence,
        source=identity.source,
        source_sha256=identity.source_sha256,
        weights_file=WEIGHTS_FILE,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        weights_bytes=len(weights),
        parameters=parameters,
        description=identity.description,
        space=identity.space,
        architecture=identity.architecture,
        training=identity.training,
        encodes_prompts=identity.encodes_prompts,
        colour=identity.colour,
    ).save(folder)
    return OnnxEncoder.load(folder)


def _parity_squares(images: Sequence[RgbImage], spec: Preprocessing) -> list[RgbImage]:
    """PARITY_IMAGES squares: photos as far as there are any, then patches of random colours."""
    squares = [preprocess(image, spec) for image in images[:PARITY_IMAGES]]
    draw = np.random.default_rng(0)
    cells = -(-spec.side_px // _PATCH_PX)
    while len(squares) < PARITY_IMAGES:
        patches = draw.integers(0, 256, (cells, cells, 3), np.uint8)
        square = patches.repeat(_PATCH_PX, axis=0).repeat(_PATCH_PX, axis=1)
        squares.append(np.ascontiguousarray(square[: spec.side_px, : spec.side_px]))
    return squares


def _vectors(network: nn.Module, squares: Sequence[RgbImage]) -> NDArray[np.float32]:
    """What PyTorch gives for ``squares``, on the network's device, in float32."""
    device = next((part.device for part in network.parameters()), torch.device("cpu"))
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            rows = [
                network(torch.from_numpy(square[None]).to(device)).float().cpu()
                for square in squares
            ]
    finally:
        network.train(training)
    return np.asarray(torch.cat(rows).numpy(), np.float32)


def put_in_place(built: Path, folder: Path) -> None:
    """Let an encoder's folder appear, or replace its files in one that is there, card last."""
    if not folder.exists():
        built.rename(folder)
        return
    # The card names the others' hashes: a stop between two is noticed when it is opened.
    others = sorted(path.name for path in built.iterdir() if path.name != CARD_FILE)
    for name in (*others, CARD_FILE):
        os.replace(built / name, folder / name)  # noqa: PTH105  # replaces on every system


QUANTISED_OPERATORS = ("Conv", "Add", "Clip", "Relu", "MaxPool", "Gemm")

_ACTIVATIONS = frozenset({"Clip", "Relu"})
_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")

_TRANSFORMER = "LayerNormalization"
_BLOCK = 32
_INT8_ARITHMETIC = 4
"""MatMulNBits' accuracy_level for int8 products; the others multiply in float."""


class _Images:
    """Feeds images one by one to ONNX Runtime's calibration; it asks only for get_next."""

    def __init__(self, images: Sequence[RgbImage]) -> None:
        self._left: Iterator[RgbImage] = iter(images)

    def get_next(self) -> dict[str, RgbImage] | None:
        image = next(self._left, None)
        return None if image is None else {INPUT: image[None]}


def quantise(
    model: onnx.ModelProto, calibration: Sequence[RgbImage], *, float_layers: Sequence[str] = ()
) -> onnx.ModelProto:
    """The int8 graph of ``model``; ``model`` stays as it is.

    Args:
        model: A float graph of ``onnx_graph.write_graph``, or of
            the tool that builds the default encoder.
        calibration: Preprocessed square images (side, side, 3); a transformer needs none.
        float_layers: Convolutions whose weights' names begin so stay float, with their ReLU; so do
            all other nodes whose own names do.

    Raises:
        DistillationError: no images, or a graph with nothing that could become int8.
    """
    if any(node.op_type == _TRANSFORMER for node in model.graph.node):
        return _in_blocks(model)
    if not len(calibration):
        raise DistillationError("int8 needs photos to calibrate on. Give some, or export fp32.")
    return _calibrated(model, calibration, float_layers)


def _calibrated(
    model: onnx.ModelProto, calibration: Sequence[RgbImage], float_layers: Sequence[str]
) -> onnx.ModelProto:
    stem = with_pixel_stem(model)
    if stem is not None and stem.convolution not in _kept_float(model, float_layers):
        model = stem.model
    else:
        stem = None
    kept = _kept_float(model, float_layers)
    convolutions = {node.name for node in model.graph.node if node.op_type == "Conv"}
    if not convolutions - set(kept):
        raise DistillationError(
            f"int8 has nothing to gain: of the graph's {len(convolutions)} convolutions all stay "
            "float. Export fp32."
        )
    runtime = _of_runtime("quantization")
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
            # Without VNNI, processors add pairs of products in 16 bits and saturate; weights of
            # seven bits never do (ONNX Runtime's documentation on quantisation;
            # docs/experiments.md).
            reduce_range=True,
            weight_type=runtime.QuantType.QInt8,
            activation_type=runtime.QuantType.QUInt8,
            calibrate_method=runtime.CalibrationMethod.MinMax,
            nodes_to_exclude=kept,
            extra_options={
                # The head's sums become the vector: they keep every digit.
                "OpTypesToExcludeOutputQuantization": ["Gemm"],
                "TensorQuantOverrides": _as_bytes(stem) if stem else {},
            },
        )
        quantised = onnx.load(target)
    if stem is not None:
        feed_bytes(quantised)
    del quantised.metadata_props[:]
    return quantised


def _as_bytes(stem: PixelStem) -> dict[str, list[dict[str, object]]]:
    """The quantiser's order to leave pixels as they are."""
    scale, zero_point = np.array(1.0, np.float32), np.array(stem.zero_point, np.uint8)
    return {PIXELS: [{"scale": scale, "zero_point": zero_point}]}


def _in_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    module = _of_runtime("quantization.matmul_nbits_quantizer")
    if "bits" not in inspect.signature(module.MatMulNBitsQuantizer).parameters:
        raise DistillationError(
            "This ONNX Runtime writes no 8-bit matrices (it reads them). "
            "Run: pip install --upgrade onnxruntime"
        )
    # It logs a line for every matrix.
    logger = logging.getLogger(module.__name__)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        quantiser = module.MatMulNBitsQuantizer(
            copied,
            bits=8,
            block_size=_BLOCK,
            is_symmetric=True,
            accuracy_level=_INT8_ARITHMETIC,
        )
        quantiser.process()
    finally:
        logger.setLevel(level)
    quantised: onnx.ModelProto = quantiser.model.model
    if not any(node.op_type == "MatMulNBits" for node in quantised.graph.node):
        raise DistillationError(
            "int8 has nothing to gain: the graph has no matrix of weights. Export fp32."
        )
    return quantised


def _of_runtime(name: str) -> ModuleType:
    # By name: it belongs to what runs encoders, and works only beside onnx, which an extra brings.
    # One of its modules sets the whole process's logging up while it is imported, unless that is
    # set up already.
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    try:
        return importlib.import_module(f"onnxruntime.{name}")
    finally:
        logging.getLogger().removeHandler(silent)


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """With every shape known, and marked so: ONNX Runtime otherwise advises to do just that."""
    prepared = onnx.shape_inference.infer_shapes(model)
    key, value = _PREPARED
    prepared.metadata_props.add(key=key, value=value)
    return prepared


def _kept_float(model: onnx.ModelProto, float_layers: Sequence[str]) -> list[str]:
    """Names of nodes that stay float: the layers asked for, with the activation behind each.

    So does a clip that is no layer's activation, such as that of the vector's length.
    """
    kept = set()
    asked = tuple(float_layers)
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        name = node.input[1] if node.op_type == "Conv" else node.name
        if name.startswith(asked):
            kept.add(node.name)
        elif node.op_type in _ACTIVATIONS:
            source = made_by.get(node.input[0])
            layer = source is not None and source.op_type in {"Conv", "Add"}
            if source is None or not layer or source.name in kept:
                kept.add(node.name)
    return sorted(kept)


LEAST_EXPORT_COSINE = 0.9999
"""Worst image, exported float graph against the network in PyTorch."""

LEAST_MEAN_INT8_COSINE = 0.98
"""Mean over images not calibrated on, int8 graph against the float graph."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosines between two encoders' vectors of the same images."""

    mean: float
    least: float


def parity(left: NDArray[np.float32], right: NDArray[np.float32]) -> Parity:
    """Compare rows (images, dimension).

    Raises:
        DistillationError: shapes differ, there are no rows, or a row is not finite or has no
            length.
    """
    if left.shape != right.shape or left.ndim != 2 or not len(left):
        raise DistillationError(
            f"Vectors of shape {left.shape} and {right.shape} cannot be compared: the exported "
            "graph gives something else than the network. Export a network of float vectors."
        )
    lengths = np.linalg.norm(left.astype(np.float64), axis=1)
    lengths *= np.linalg.norm(right.astype(np.float64), axis=1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise DistillationError(
            "A vector is not finite or has no length. The training has diverged: start from the "
            "checkpoint before, with a lower learning rate."
        )
    cosines = (left.astype(np.float64) * right).sum(axis=1) / lengths
    return Parity(float(cosines.mean()), float(cosines.min()))


def require_export(exported: Parity) -> None:
    """Refuse a float graph that is not the network it was written from.

    Raises:
        DistillationError: the worst cosine lies below LEAST_EXPORT_COSINE.
    """
    if not exported.least >= LEAST_EXPORT_COSINE:
        raise DistillationError(
            f"The exported graph is not the network: worst cosine {exported.least:.6f}, at least "
            f"{LEAST_EXPORT_COSINE} is needed. Nothing was written; export with another version "
            "of torch or onnxscript."
        )


def require_int8(quantised: Parity) -> None:
    """Refuse an int8 graph whose vectors moved too far.

    Raises:
        DistillationError: the mean cosine lies below LEAST_MEAN_INT8_COSINE.
    """
    if not quantised.mean >= LEAST_MEAN_INT8_COSINE:
        raise DistillationError(
            f"The int8 graph is not the float one: mean cosine {quantised.mean:.4f}, at least "
            f"{LEAST_MEAN_INT8_COSINE} is needed. Nothing was written; export as fp32, or "
            "calibrate on more photos of the kind that will be asked with."
        )
