"""The first convolution takes the pixels' own bytes."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from furniture_prompter.distillation.export import quantise
from furniture_prompter.distillation.networks.student import normalise, unit_rows
from furniture_prompter.distillation.onnx_graph import PIXELS, with_pixel_stem, write_graph
from tests.unit.distillation.tiny import photos

SIDE_PX = 32
MEANS = ((127.0, 127.0, 127.0), (124.0, 116.0, 103.0))


class _Network(nn.Module):
    """Scaled pixels, one convolution of any window, mean, unit length."""

    def __init__(
        self, size: int, stride: int, pad: int, mean: tuple[float, ...], *, bias: bool = True
    ) -> None:
        super().__init__()
        torch.manual_seed(size)
        self.first = nn.Conv2d(3, 8, size, stride, pad, bias=bias)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.head = nn.Linear(8, 6)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("factor", torch.tensor([1 / 58, 1 / 57, 1 / 60]).reshape(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scaled = normalise(images, self.get_buffer("mean"), self.get_buffer("factor"))
        value = torch.relu(self.second(torch.relu(self.first(scaled))))
        return unit_rows(self.head(value.mean(dim=(2, 3))))


def vectors(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"image": images})[0])


def squares(count: int) -> np.ndarray:
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (count, SIDE_PX, SIDE_PX, 3), np.uint8)


@pytest.mark.parametrize(
    ("size", "stride", "pad"),
    [(7, 2, 3), (3, 2, 1), (5, 2, 2), (4, 2, 1), (2, 2, 0), (3, 2, 0), (3, 1, 1), (4, 4, 0)],
)
@pytest.mark.parametrize("bias", [True, False])
def test_scaling_folds_into_any_first_window_and_nothing_else_changes(
    size: int, stride: int, pad: int, bias: bool
) -> None:
    graph = write_graph(_Network(size, stride, pad, MEANS[0], bias=bias), SIDE_PX)
    stem = with_pixel_stem(graph)
    assert stem is not None
    assert stem.zero_point == 127
    kinds = [node.op_type for node in stem.model.graph.node]
    assert "Mul" not in kinds
    images = squares(3)
    assert np.allclose(vectors(stem.model, images), vectors(graph, images), atol=1e-5)


def test_a_stride_of_two_takes_pixels_in_twos() -> None:
    stem = with_pixel_stem(write_graph(_Network(7, 2, 3, MEANS[0]), SIDE_PX))
    assert stem is not None
    (first,) = (node for node in stem.model.graph.node if node.input[0] == PIXELS)
    weights = {each.name: each for each in stem.model.graph.initializer}
    assert list(weights[first.input[1]].dims) == [8, 12, 4, 4]


def test_channels_of_different_means_differ_from_before_at_the_border_alone() -> None:
    graph = write_graph(_Network(3, 2, 1, MEANS[1]), SIDE_PX)
    stem = with_pixel_stem(graph)
    assert stem is not None
    assert stem.zero_point == 114
    images = squares(3)
    cosines = (vectors(stem.model, images) * vectors(graph, images)).sum(axis=1)
    assert 0.999 < cosines.min() < 1
    (first,) = (
        node for node in graph.graph.node if node.op_type == "Conv" and "first" in node.input[1]
    )
    inside = []
    for model in (graph, stem.model):
        (own,) = (node for node in model.graph.node if first.output[0] in node.output)
        model.graph.output.extend([onnx.helper.make_empty_tensor_value_info(own.output[0])])
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (maps,) = session.run([own.output[0]], {"image": images})
        inside.append(np.asarray(maps))
    before, after = inside
    assert np.allclose(before[:, :, 1:, 1:], after[:, :, 1:, 1:], atol=1e-4)
    assert not np.allclose(before[:, :, 0], after[:, :, 0], atol=1e-4)


def test_int8_reads_the_bytes_without_a_detour_through_floats() -> None:
    network = _Network(7, 2, 3, MEANS[0]).eval()
    graph = write_graph(network, SIDE_PX)
    calibration = [image[:SIDE_PX, :SIDE_PX] for image in photos(12)]
    squared = [np.ascontiguousarray(np.resize(each, (SIDE_PX, SIDE_PX, 3))) for each in calibration]
    small = quantise(graph, squared)
    kinds = [node.op_type for node in small.graph.node]
    assert "Cast" not in kinds
    assert "Sub" not in kinds
    (reader,) = (node for node in small.graph.node if node.input[0] == "pixel_planes")
    assert reader.op_type == "DequantizeLinear"
    images = np.stack(squared[:4])
    cosines = (vectors(small, images) * vectors(graph, images)).sum(axis=1)
    assert cosines.min() > 0.99


def test_a_first_layer_that_stays_float_keeps_its_scaling() -> None:
    graph = write_graph(_Network(3, 2, 1, MEANS[0]), SIDE_PX)
    squared = [np.ascontiguousarray(np.resize(each, (SIDE_PX, SIDE_PX, 3))) for each in photos(8)]
    small = quantise(graph, squared, float_layers=("first",))
    assert {"Cast", "Sub", "Mul"} <= {node.op_type for node in small.graph.node}


def test_a_graph_that_begins_otherwise_is_left_alone() -> None:
    class Raw(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            value = self.first(images.permute(0, 3, 1, 2).float())
            return unit_rows(value.mean(dim=(2, 3)))

    assert with_pixel_stem(write_graph(Raw(), SIDE_PX)) is None
