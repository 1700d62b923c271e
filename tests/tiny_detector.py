"""Detectors in both layouts that find the same boxes in every photo, untrained."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE_PX = 64
KINDS = ("person", "chair", "couch")
FURNITURE = ("chair", "couch")
CELLS = 8 * 8 + 4 * 4 + 2 * 2

Found = tuple[tuple[float, float, float, float], str, float]
"""A box in the network's pixels (left, top, right, bottom), its kind and its score."""


def raw_output(found: Sequence[Found]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What a network gives that finds these, shape (1, CELLS, 5 + kinds), before it is decoded."""
    raw = np.zeros((1, CELLS, 5 + len(KINDS)), np.float32)
    for cell, ((left, top, right, bottom), kind, score) in enumerate(found):
        # The first cells are those of stride 8, row by row.
        column, row = cell % 8, cell // 8
        raw[0, cell, 0] = (left + right) / 2 / 8 - column
        raw[0, cell, 1] = (top + bottom) / 2 / 8 - row
        raw[0, cell, 2:4] = np.log(np.array([right - left, bottom - top]) / 8)
        raw[0, cell, 4] = 1
        raw[0, cell, 5 + KINDS.index(kind)] = score
    return raw


def write_detector(folder: Path, found: Sequence[Found], **changes: object) -> Path:
    """A folder with such a detector.

    Args:
        folder: Made where it is not there.
        found: What it finds.
        changes: Fields of its card that are others.
    """
    shape = [1, CELLS, 5 + len(KINDS)]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
            helper.make_node("Add", ["boxes", "zero"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(raw_output(found), "boxes"),
            numpy_helper.from_array(np.zeros((), np.float32), "nothing"),
        ],
    )
    return _write(folder, graph, {"layout": "yolox", **changes})


SIDES_CELLS = CELLS + 1
"""Of the layout of distances: the stride 64 has one more."""


def sides_output(found: Sequence[Found]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What a network of distances gives that finds these, shape (1, SIDES_CELLS, 5 + kinds)."""
    raw = np.zeros((1, SIDES_CELLS, 5 + len(KINDS)), np.float32)
    for cell, ((left, top, right, bottom), kind, score) in enumerate(found):
        # The first cells are those of stride 8, row by row.
        across, down = 8 * (cell % 8) + 4, 8 * (cell // 8) + 4
        sides = np.array([across - left, down - top, right - across, bottom - down])
        raw[0, cell, :4] = sides / 8
        raw[0, cell, 4] = score
        raw[0, cell, 5 + KINDS.index(kind)] = 1
    return raw


def write_sides_detector(folder: Path, found: Sequence[Found], **changes: object) -> Path:
    """A folder with a detector whose output is in distances.

    Args:
        folder: Made where it is not there.
        found: What it finds.
        changes: Fields of its card that are others.
    """
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["values"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
            helper.make_node("Add", ["boxes", "zero"], ["pieces"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE_PX, SIDE_PX, 3])],
        [
            helper.make_tensor_value_info(
                "pieces", TensorProto.FLOAT, [1, SIDES_CELLS, 5 + len(KINDS)]
            )
        ],
        [
            numpy_helper.from_array(sides_output(found), "boxes"),
            numpy_helper.from_array(np.zeros((), np.float32), "nothing"),
        ],
    )
    return _write(folder, graph, {"layout": "sides", **changes})


def _write(folder: Path, graph: onnx.GraphProto, changes: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    (folder / "tiny.onnx").write_bytes(data)
    card = {
        "name": "tiny",
        "side_px": SIDE_PX,
        "kinds": KINDS,
        "furniture": FURNITURE,
        "weights_file": "tiny.onnx",
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "weights_bytes": len(data),
        **changes,
    }
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder
