"""Export of a PyTorch network as an encoder folder: ONNX graph, int8, parity gates, card."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from furniture_prompter.distillation.networks.student import parameter_count
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.distillation.quantisation import (
    parity,
    quantise,
    require_export,
    require_int8,
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
