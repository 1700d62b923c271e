"""A detector in the layout of YOLOX that finds the same boxes in every photo, untrained."""

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
    folder.mkdir(parents=True, exist_ok=True)
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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = model.SerializeToString()
    (folder / "tiny.onnx").write_bytes(data)
    card = {
        "name": "tiny",
        "layout": "yolox",
        "side_px": SIDE_PX,
        "kinds": KINDS,
        "furniture": FURNITURE,
        "weights_file": "tiny.onnx",
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "weights_bytes": len(data),
        **changes,
    }
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    onnx.checker.check_model(model)
    return folder
