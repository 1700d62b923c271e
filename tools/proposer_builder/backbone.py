"""The ImageNet network in int8 that the finder's head is trained on, and its maps of photos."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image, ImageOps

from furniture_prompter.distillation.export import quantise
from furniture_prompter.encoders.detector import square
from tools.encoder_builder.graph import IR_VERSION, OPSET, GraphWriter, write_convolution
from tools.encoder_builder.networks import Network, load_network
from tools.proposer_builder.rendering import Box

FLOAT_BLOCKS = 3
"""First blocks that stay float, as of the encoder that ships."""
CALIBRATION_PHOTOS = 96


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network's graph, and the maps that it gives.

    Attributes:
        graph: uint8 (1, side, side, 3) to one map for each stride.
        maps: Their names.
        shapes: Channels, height and width of each.
        network: Whose it is.
    """

    graph: onnx.ModelProto
    maps: tuple[str, ...]
    shapes: tuple[tuple[int, int, int], ...]
    network: Network

    def session(self, threads: int = 1) -> onnxruntime.InferenceSession:
        """It, ready to run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            self.graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def float_backbone(name: str, side_px: int) -> Backbone:
    """The float graph up to the last map of each of the strides 8, 16 and 32."""
    network = load_network(name)
    writer = GraphWriter()
    writer.floats("zero", 0.0)
    writer.floats("six", 6.0)
    pixels = writer.node("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    planes = writer.node("Transpose", [pixels], "planes", perm=[0, 3, 1, 2])
    mean = writer.constant("mean", np.array(network.mean, np.float32).reshape(1, 3, 1, 1))
    factor = 1 / np.array(network.scale, np.float32).reshape(1, 3, 1, 1)
    centred = writer.node("Sub", [planes, mean], "centred")
    value = writer.node("Mul", [centred, writer.constant("factor", factor)], "normalised")
    side, last = side_px, {}
    for index, block in enumerate(network.blocks):
        entry = value
        for layer in block.layers:
            value, side = write_convolution(writer, layer, value, side, network.padding)
        if block.residual:
            value = writer.node("Add", [entry, value], f"block_{index}.sum")
        last[side] = (value, int(block.layers[-1].weight.shape[0]))
    maps, shapes = [], []
    for stride in (8, 16, 32):
        name_, width = last[side_px // stride]
        maps.append(name_)
        shapes.append((width, side_px // stride, side_px // stride))
    outputs = [
        helper.make_tensor_value_info(name_, TensorProto.FLOAT, [1, *shape])
        for name_, shape in zip(maps, shapes, strict=True)
    ]
    graph = helper.make_graph(
        writer.nodes, "pieces",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, side_px, side_px, 3])],
        outputs, writer.constants,
    )  # fmt: skip
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="furniture-prompter",
    )  # fmt: skip
    onnx.checker.check_model(model, full_check=True)
    return Backbone(model, tuple(maps), tuple(shapes), network)


def int8_backbone(exact: Backbone, photos: Sequence[NDArray[np.uint8]]) -> Backbone:
    """The same in int8, calibrated on squares (side, side, 3)."""
    kept = [
        f"{layer.name}.weight"
        for block in exact.network.blocks[:FLOAT_BLOCKS]
        for layer in block.layers
    ]
    graph = quantise(exact.graph, photos, float_layers=kept)
    return Backbone(graph, exact.maps, exact.shapes, exact.network)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A photo's file, its width and height in pixels, and its boxes."""

    path: Path
    size: tuple[int, int]
    boxes: tuple[Box, ...]

    def size_at(self, side_px: int) -> tuple[int, int]:
        """Width and height in a square of a side."""
        scale = side_px / max(self.size)
        return max(1, round(self.size[0] * scale)), max(1, round(self.size[1] * scale))


def listed(folder: Path) -> list[Labelled]:
    """What a folder's ``boxes.jsonl`` lists."""
    photos = []
    for line in (folder / "boxes.jsonl").read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        path = folder / row["image"]
        with Image.open(path) as image:
            size = image.size
        photos.append(Labelled(path, size, tuple(Box(**box) for box in row["boxes"])))
    return photos


def squares(
    photos: Sequence[Labelled], side_px: int, *, mirror: bool
) -> Iterator[NDArray[np.uint8]]:
    """Photos as the network takes them."""
    for photo in photos:
        image = Image.open(photo.path).convert("RGB")
        yield square(np.asarray(ImageOps.mirror(image) if mirror else image), side_px)
