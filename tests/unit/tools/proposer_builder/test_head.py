"""The head: its loss, and the graph that says what PyTorch says."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from tools.encoder_builder.graph import IR_VERSION, OPSET
from tools.encoder_builder.networks import Network
from tools.proposer_builder.backbone import Backbone
from tools.proposer_builder.graph import joined
from tools.proposer_builder.head import OUTPUTS, Head, loss_of, overlaps
from tools.proposer_builder.targets import EMPTY, IGNORED, cells

SIDE = 64
WIDTHS = (4, 6, 8)


def some_maps() -> list[torch.Tensor]:
    torch.manual_seed(1)
    sides = (SIDE // 8, SIDE // 16, SIDE // 32)
    return [torch.randn(1, w, side, side) for w, side in zip(WIDTHS, sides, strict=True)]


def test_overlaps_are_those_of_boxes_around_one_point() -> None:
    found = torch.tensor([[1.0, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1]])
    wanted = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 3, 1]])
    iou, generalised = overlaps(found, wanted)
    # Of the third: 1 of 2 x 2 and 3 x 1 is shared, within 4 x 2.
    assert iou.tolist() == pytest.approx([1, 0.25, 1 / 6], abs=1e-4)
    assert generalised.tolist() == pytest.approx([1, 0.25, 1 / 6 - 2 / 8], abs=1e-4)


def test_the_loss_is_least_for_what_is_wanted_and_asks_nothing_of_ignored_cells() -> None:
    _, strides = cells(SIDE)
    count = len(strides)
    kinds = torch.full((1, count), EMPTY, dtype=torch.int8)
    sides = torch.full((1, count, 4), 8.0)
    kinds[0, 3] = 2
    kinds[0, 5] = IGNORED
    right = torch.zeros(1, count, OUTPUTS)
    right[..., 4] = -9.0
    right[0, 3, :4] = 1.0
    right[0, 3, 4] = 9.0
    right[0, 3, 5 + 2] = 9.0
    step = torch.from_numpy(strides)
    least = float(loss_of(right, sides, kinds, step))

    def changed(cell: int, column: int, value: float) -> float:
        out = right.clone()
        out[0, cell, column] = value
        return float(loss_of(out, sides, kinds, step))

    assert changed(5, 4, 9.0) == pytest.approx(least)
    assert changed(6, 4, 9.0) > least + 1
    assert changed(3, 0, 4.0) > least + 0.1
    assert changed(3, 4, -9.0) > least + 1
    assert changed(3, 5, 20.0) > least + 0.1


def test_a_photo_without_a_piece_has_a_loss() -> None:
    _, strides = cells(SIDE)
    kinds = torch.full((1, len(strides)), EMPTY, dtype=torch.int8)
    out = torch.zeros(1, len(strides), OUTPUTS, requires_grad=True)
    loss = loss_of(out, torch.zeros(1, len(strides), 4), kinds, torch.from_numpy(strides))
    torch.autograd.backward(loss)
    assert out.grad is not None
    assert torch.isfinite(out.grad).all()


def test_the_graph_says_what_the_head_says() -> None:
    head = Head(WIDTHS, width=8)
    for module in head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            assert module.running_mean is not None
            torch.nn.init.normal_(module.running_mean)
    torch.nn.init.normal_(head.scales)
    head.eval()
    maps = some_maps()
    # In the network's place: its maps, whatever the photo.
    names = ("fine", "middle", "coarse")
    constants = [
        onnx.numpy_helper.from_array(m.numpy(), f"{n}.value")
        for n, m in zip(names, maps, strict=True)
    ]
    nodes = [helper.make_node("Identity", [f"{name}.value"], [name]) for name in names]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3])
    given = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, list(m.shape))
        for n, m in zip(names, maps, strict=True)
    ]
    graph = helper.make_graph(nodes, "maps", [image], given, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    shapes = tuple((m.shape[1], m.shape[2], m.shape[3]) for m in maps)
    nothing = Network("none", (), (0, 0, 0), (1, 1, 1), "same", "", "", {})
    built = joined(Backbone(model, names, shapes, nothing), head, SIDE)
    session = onnxruntime.InferenceSession(
        built.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (rows,) = session.run(None, {"image": np.zeros((1, SIDE, SIDE, 3), np.uint8)})
    with torch.inference_mode():
        said = head(maps)
        wanted = torch.cat(
            [said[..., :4], said[..., 4:5].sigmoid(), said[..., 5:].softmax(-1)], dim=-1
        )
    assert np.abs(rows - wanted.numpy()).max() < 1e-4
