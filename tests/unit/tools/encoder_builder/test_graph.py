from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain.catalog import fit_projection
from tests.unit.tools.encoder_builder.tiny import some_images, tiny_network
from tools.encoder_builder import colour
from tools.encoder_builder.graph import Head, PartAxes, Pooling, build_graph, paddings
from tools.encoder_builder.networks import Convolution, Network


def run(model: onnx.ModelProto, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (vectors,) = session.run(["vector"], {"image": np.stack(images)})
    return np.asarray(vectors)


def convolve(values: NDArray[Any], layer: Convolution, padding: str) -> NDArray[Any]:
    """Convolution by its definition, slowly: (channels, side, side) in and out."""
    kernel, stride = layer.weight.shape[2], layer.stride
    side = values.shape[1]
    if padding == "same":
        out = -(-side // stride)
        total = max(0, (out - 1) * stride + kernel - side)
        before, after = total // 2, total - total // 2
    else:
        before = after = kernel // 2
        out = (side + 2 * before - kernel) // stride + 1
    padded = np.pad(values, ((0, 0), (before, after), (before, after)))
    result = np.empty((len(layer.weight), out, out))
    for row in range(out):
        for column in range(out):
            top, left = row * stride, column * stride
            patch = padded[:, top : top + kernel, left : left + kernel]
            if layer.groups == 1:
                result[:, row, column] = np.tensordot(layer.weight, patch, 3)
            else:
                result[:, row, column] = (layer.weight[:, 0] * patch).sum((1, 2))
    result += layer.bias[:, None, None]
    return np.clip(result, 0, 6) if layer.clipped else result


def features(network: Network, image: NDArray[np.uint8]) -> NDArray[Any]:
    values: NDArray[Any] = ((image - np.array(network.mean)) / np.array(network.scale)).transpose(
        2, 0, 1
    )
    for block in network.blocks:
        entry = values
        for layer in block.layers:
            values = convolve(values, layer, network.padding)
        if block.residual:
            values = values + entry
    return values


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("side", [32, 37])
def test_the_graph_computes_the_network_by_definition(padding: str, side: int) -> None:
    network = tiny_network(padding)
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    pooled = features(network, image).mean((1, 2))
    (vector,) = run(build_graph(network, side, Head()), [image])
    np.testing.assert_allclose(vector, pooled / np.linalg.norm(pooled), atol=1e-4)


@pytest.mark.parametrize("pooling", ["max", "gem3"])
def test_the_other_poolings_are_what_they_are_called(pooling: Pooling) -> None:
    network = tiny_network()
    (image,) = some_images(1, 32)
    values = features(network, image).reshape(network.width, -1)
    if pooling == "max":
        pooled = values.max(axis=1)
    else:
        pooled = np.cbrt((np.maximum(values, 1e-6) ** 3).mean(axis=1))
    (vector,) = run(build_graph(network, 32, Head(pooling=pooling)), [image])
    np.testing.assert_allclose(vector, pooled / np.linalg.norm(pooled), atol=1e-4)


def test_the_colour_part_in_the_graph_is_the_one_defined_in_numpy() -> None:
    network, images = tiny_network(), some_images(6)
    vectors = run(build_graph(network, 64, Head(colour_weight=0.5)), images)
    part = vectors[:, network.width :] * np.sqrt(1 + 0.5**2) / 0.5
    np.testing.assert_allclose(part, [colour.colour_shares(image) for image in images], atol=1e-3)


def test_the_map_before_the_last_block_comes_first_at_the_same_length() -> None:
    network = tiny_network()
    (image,) = some_images(1, 32)
    body = replace(network, blocks=network.blocks[:-1])
    parts = [features(part, image).reshape(part.width, -1) for part in (body, network)]
    pooled = [parts[0].mean(axis=1), parts[1].max(axis=1)]
    joined = np.concatenate([part / np.linalg.norm(part) for part in pooled])
    (vector,) = run(build_graph(network, 32, Head("max", "mean")), [image])
    np.testing.assert_allclose(vector, joined / np.sqrt(2), atol=1e-4)


def test_the_axes_in_the_graph_are_those_defined_in_numpy() -> None:
    network, images, head = tiny_network(), some_images(30), Head("gem3", "mean", 1.0)
    plain = run(build_graph(network, 64, head), images)
    width = network.width + network.body_width
    maps, colours = plain[:, :width], plain[:, width:]
    unit_maps = maps / np.linalg.norm(maps, axis=1, keepdims=True)
    axes = PartAxes(fit_projection(unit_maps, 5), np.eye(len(colours.T), 3, dtype=np.float32), 0.2)
    model = build_graph(network, 64, head, axes)
    assert model.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 8
    vectors = run(model, images)
    # The graph holds its axes in half precision.
    np.testing.assert_allclose(vectors, axes.of(maps, colours), atol=2e-3)
    lengths = [np.linalg.norm(part, axis=1) ** 2 for part in (vectors[:, :5], vectors[:, 5:])]
    np.testing.assert_allclose(lengths, [[0.8] * 30, [0.2] * 30], atol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_rows_have_unit_length_and_the_stated_dimension(weight: float) -> None:
    network = tiny_network()
    model = build_graph(network, 64, Head(colour_weight=weight))
    vectors = run(model, some_images(3))
    expected = network.width + (len(colour.palette()) if weight else 0)
    assert (
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
        == vectors.shape[1]
        == expected
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_side_that_the_cells_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        build_graph(tiny_network(), 100, Head(colour_weight=0.25))


def test_the_same_recipe_gives_the_same_bytes() -> None:
    first, second = (
        build_graph(tiny_network(), 64, Head(colour_weight=0.25)).SerializeToString()
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "expected"),
    [
        (256, 3, 2, ([0, 0, 1, 1], 128)),
        (65, 3, 2, ([1, 1, 1, 1], 33)),
        (64, 5, 2, ([1, 1, 2, 2], 32)),
        (16, 1, 1, ([0, 0, 0, 0], 16)),
    ],
)
def test_same_padding_puts_the_odd_pixel_at_the_bottom_right(
    side: int, kernel: int, stride: int, expected: tuple[list[int], int]
) -> None:
    assert paddings(side, kernel, stride, "same") == expected


def test_symmetric_padding_is_half_the_kernel() -> None:
    assert paddings(224, 3, 2, "symmetric") == ([1, 1, 1, 1], 112)
